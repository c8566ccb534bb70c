package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// crashPoints are the points at which a daemon dies: before and after each commit and each call of the provider, also
// while the daemon drains.
var crashPoints = map[string]string{
	"accepting": "accept.before accept.after shortage.before shortage.after",
	"leasing":   "lease.before lease.after extend.before extend.after back.before back.after",
	"calling":   "send.before send.after retry.before retry.after move.before move.after end.before end.after",
	"draining": `drain.extend.before drain.extend.after drain.send.after
		drain.retry.before drain.retry.after drain.end.before drain.end.after`,
}

// TestCrashPoints kills a daemon at each crash point, and then the next daemon at another crash point. Accepted
// requests are neither lost nor doubled.
func TestCrashPoints(t *testing.T) {
	each := harness.Scaled(2, 10)
	for where, names := range crashPoints {
		t.Run(where, func(t *testing.T) {
			harness.ForEachDatabase(t, func(s *harness.Shop) {
				points := strings.Fields(names)
				m := newCrashers(s, each*len(points))
				for round := range each {
					for _, point := range points {
						m.crashAt(point, round)
					}
				}
				m.finish()
				harness.Report(s.T, m.lives, m.deaths, "points", len(points), "acked", m.count(accepted), "unanswered", m.count(unanswered))
			})
		})
	}
}

// crashers are daemons on one database, each of which dies before the next one starts, with the requests of their
// clients.
type crashers struct {
	*harness.Shop
	lives  int
	deaths int // the number of daemons that died at the intended point

	mu       sync.Mutex
	requests []crashRequest
}

// A crashRequest is a request of a client for a key of its own, with its result.
type crashRequest struct {
	code, login string
	outOfStock  bool // the request is for a country without slots
	result      requestResult
}

// A requestResult is the client's view of a request.
type requestResult string

// The results of requests.
const (
	accepted   requestResult = "acked"      // the answer was a success
	unanswered requestResult = "unanswered" // no answer, or a system error: the request may have been accepted
	declined   requestResult = "declined"
)

// maxTries is the maximum number of daemons until one dies at a point.
const maxTries = 4

// keysPerLife is the number of keys for each daemon. The scripts say what the provider does, in turn.
const keysPerLife = 24

var lifeScripts = []string{
	"slow=400+success", "500+slow=40+success", "plan_full.slow=40+success", "shortage",
	"slow=40+success", "cut_after+success", "202+wrong_address", "404+slow=60+success",
}

// newCrashers imports keys and plans for a number of deaths.
func newCrashers(s *harness.Shop, deaths int) *crashers {
	lives := deaths + deaths/2 + maxTries // some daemons may not die at the point
	rows := []string{"code,used"}
	var plans []string
	for life := range lives {
		for i := range keysPerLife {
			rows = append(rows, fmt.Sprintf("%s,%d", lifeKey(life, i), i%7/6)) // one in seven is for a renew
		}
	}
	for p := range lives*keysPerLife/len(lifeScripts) + 10 { // each plan_full takes a plan out of stock
		plans = append(plans, fmt.Sprintf("plan-%d,US,50,,", p))
	}
	s.ImportKeys(rows...)
	s.ImportPlans(plans...)
	return &crashers{Shop: s}
}

func lifeKey(life, i int) string { return fmt.Sprintf("life%d-%d", life, i) }

// crashFlags make leases short, so that the next daemon can take over soon.
var crashFlags = []string{"--lease", "300ms", "--connector-timeout", "2s", "--key-task-limit", "0"}

// crashAt lets a daemon die at a point. In two of three rounds, the daemon first survives the point once or twice, if
// every daemon reaches the point that often. On a busy machine, a daemon may lose its leases instead of draining. Then
// another daemon tries.
func (m *crashers) crashAt(point string, round int) {
	m.Helper()
	flags, passes := crashFlags, round%3
	drains := strings.HasPrefix(point, "drain.")
	if drains {
		flags = []string{"--lease", "900ms", "--drain", "2s", "--connector-timeout", "5s", "--key-task-limit", "0"}
	}
	if drains || strings.HasPrefix(point, "back.") {
		passes = 0
	}
	var err error
	for range maxTries {
		d := withCrashPoint(m.Shop, point, passes).Start(flags...)
		m.Eventually("it serves or has died already", func() bool { return d.FindAddresses() || d.HasEnded() })
		m.runLife(d, m.stopWhileDraining(d, point))
		m.Eventually("it dies at "+point, d.HasEnded)
		m.lives++
		if err = diedAt(d, point); err == nil {
			m.deaths++
			return
		}
	}
	m.Error(err)
}

// withCrashPoint returns the shop with a program that dies at a point.
func withCrashPoint(s *harness.Shop, point string, passes int) *harness.Shop {
	armed := *s
	armed.Program = harness.FaultInjectingProgram(s.T)
	armed.Env = append(slices.Clone(s.Env), fmt.Sprintf("KEYSEAT_CRASH=%s:%d", point, passes))
	return &armed
}

// diedAt returns an error unless a daemon has killed itself at a point.
func diedAt(d *harness.Daemon, point string) error {
	if how := d.Cmd.ProcessState.String(); how != "signal: killed" || !strings.Contains(d.Logs.String(), "dies at "+point+"\n") {
		return fmt.Errorf("not dead at %s but by %s:\n%s", point, how, d.Logs.Tail())
	}
	return nil
}

// runLife sends the requests of a daemon's clients, some simultaneously, until the daemon has ended. In the middle it
// calls midway in place of a request.
func (m *crashers) runLife(d *harness.Daemon, midway func(i int)) {
	var next atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for i := int(next.Add(1)) - 1; i < keysPerLife && !d.HasEnded(); i = int(next.Add(1)) - 1 {
				if i == keysPerLife/2 {
					midway(i)
				} else {
					m.sendRequest(d, i, lifeScripts[i%len(lifeScripts)])
				}
			}
		})
	}
	clients.Wait()
}

// stopWhileDraining returns a function for runLife. If the daemon is to die while it drains, the function stops the
// daemon during a long call of the provider.
func (m *crashers) stopWhileDraining(d *harness.Daemon, point string) func(i int) {
	return func(i int) {
		m.sendRequest(d, i, longScript(point))
		if strings.HasPrefix(point, "drain.") {
			m.waitSent(d, longScript(point))
			d.Signal(harness.Terminate)
		}
	}
}

// longScript returns a behaviour of the provider that lasts for several extensions of the leases. For the points of a
// retry, the provider does not answer the first call.
func longScript(point string) string {
	if strings.HasPrefix(point, "drain.retry.") {
		return "silent+success"
	}
	return "slow=700+success"
}

// waitSent waits until the provider has the request of this daemon, or the daemon has ended.
func (m *crashers) waitSent(d *harness.Daemon, script string) {
	login := fmt.Sprintf("%s@%d-", script, m.lives)
	m.Eventually("the provider is called", func() bool {
		return d.HasEnded() || slices.ContainsFunc(m.Provider.Requests(), func(r connectortest.Request) bool {
			return strings.HasPrefix(r.Content.Account.Login.Reveal(), login)
		})
	})
}

// sendRequest sends a request and keeps its result.
func (m *crashers) sendRequest(d *harness.Daemon, i int, script string) {
	r := crashRequest{code: lifeKey(m.lives, i), login: fmt.Sprintf("%s@%d-%d.example.com", script, m.lives, i)}
	form, sent := harness.Upgrade(r.code, r.login, "US"), harness.UpgradeSent
	switch {
	case i%7 == 6:
		form, sent = harness.Renew(r.code, r.login), harness.RenewSent
	case script == "shortage":
		r.outOfStock = true
		form = harness.Upgrade(r.code, r.login, "FR")
	}
	a, err := d.Send("POST", d.URL+"/API/", form, harness.FormHeader)
	switch {
	case err != nil || a.Code != 200:
		r.result = unanswered
	case a.Body == sent:
		r.result = accepted
	default:
		r.result = declined
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r)
}

func (m *crashers) count(f requestResult) (n int) {
	for _, r := range m.requests {
		if r.result == f {
			n++
		}
	}
	return n
}

// finish lets a last daemon end all tasks, and compares the database and the ledger with the results of the requests.
func (m *crashers) finish() {
	m.Helper()
	d := m.Serve(crashFlags...)
	m.Eventually("every task ends", func() bool { return len(m.Tasks("--state", "open")) == 0 })
	for _, fault := range m.faults() {
		m.Error(fault)
	}
	m.CheckProvider()
	d.Stop()
	m.CheckDoctor()
	if n := m.count(accepted); n < m.deaths/4 { // many daemons die while they carry out older tasks
		m.Errorf("only %d requests were accepted in %d lives: nothing is proven", n, m.lives)
	}
	m.Logf("%d lives, %d deaths, %d requests accepted, %d without an answer", m.lives, m.deaths, m.count(accepted), m.count(unanswered))
}

// tasksByKey counts the tasks of each key.
func tasksByKey(s *harness.Shop) map[string]int {
	s.Helper()
	all := map[string]int{}
	for _, t := range s.Tasks() {
		all[t.Code]++
	}
	return all
}

// faults returns the requests with a wrong number of tasks.
func (m *crashers) faults() (all []string) {
	m.Helper()
	stored := tasksByKey(m.Shop)
	sent := map[string]map[string]bool{} // tasks by login
	for _, r := range m.Provider.Requests() {
		login := r.Content.Account.Login.Reveal()
		if sent[login] == nil {
			sent[login] = map[string]bool{}
		}
		sent[login][r.Content.Task] = true
	}
	for _, r := range m.requests {
		if fault := r.fault(stored[r.code], len(sent[r.login])); fault != "" {
			all = append(all, fault)
		}
	}
	return all
}

// fault returns what is wrong with a request, given the number of its stored tasks, and of its sent tasks.
func (r crashRequest) fault(stored, sent int) string {
	switch {
	case r.result == accepted && stored != 1,
		r.result == unanswered && stored > 1,
		r.result == declined:
		return fmt.Sprintf("%+v has become %d tasks", r, stored)
	case r.outOfStock && sent > 0, !r.outOfStock && sent != stored:
		return fmt.Sprintf("%+v has become %d tasks, of which %d were sent", r, stored, sent)
	}
	return ""
}
