package blackbox_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// crashPoints are where a daemon dies: before and after each commit and each asking, and the same while it
// drains.
var crashPoints = map[string]string{
	"accepting": "accept.before accept.after shortage.before shortage.after",
	"leasing":   "lease.before lease.after extend.before extend.after back.before back.after",
	"asking":    "send.before send.after retry.before retry.after move.before move.after end.before end.after",
	"draining": `drain.extend.before drain.extend.after drain.send.after
		drain.retry.before drain.retry.after drain.end.before drain.end.after`,
}

// TestCrashPoints holds that a daemon which dies at any of the points, with another after it which may
// die as well, loses no accepted request and doubles none.
func TestCrashPoints(t *testing.T) {
	each := Scaled(2, 10)
	for where, names := range crashPoints {
		t.Run(where, func(t *testing.T) {
			ForEachDatabase(t, func(s *Shop) {
				points := strings.Fields(names)
				m := newCrashers(s, each*len(points))
				for round := range each {
					for _, point := range points {
						m.crashAt(point, round)
					}
				}
				m.finish()
				Report(s.T, m.lives, m.deaths, "points", len(points), "acked", m.count(accepted), "unanswered", m.count(unanswered))
			})
		})
	}
}

// Mortals are daemons on one database, each of which dies before the next one starts, and what their
// clients remember.
type crashers struct {
	*Shop
	lives  int
	deaths int // where they were to be

	mu       sync.Mutex
	requests []crashRequest
}

// A crashRequest is one that only one life gets, for a key of its own, and how it was answered.
type crashRequest struct {
	code, login string
	outOfStock  bool // of a country where nothing is in stock
	result      requestResult
}

// A requestResult is how a request was answered.
type requestResult string

// The fates.
const (
	accepted   requestResult = "acked"      // with success
	unanswered requestResult = "unanswered" // not at all, or with a system error: it may have been accepted
	declined   requestResult = "declined"
)

// maxTries bounds how many lives may come to a point before one dies there.
const maxTries = 4

// keysPerLife are the keys of one life. Its requests take turns in what the provider does with them.
const keysPerLife = 24

var lifeScripts = []string{
	"slow=400+success", "500+slow=40+success", "plan_full.slow=40+success", "shortage",
	"slow=40+success", "cut_after+success", "202+wrong_address", "404+slow=60+success",
}

// newCrashers stocks the shop for so many deaths.
func newCrashers(s *Shop, deaths int) *crashers {
	lives := deaths + deaths/2 + maxTries // some may be in vain
	rows := []string{"code,used"}
	var plans []string
	for life := range lives {
		for i := range keysPerLife {
			rows = append(rows, fmt.Sprintf("%s,%d", lifeKey(life, i), i%7/6)) // one in seven for a renew
		}
	}
	for p := range lives*keysPerLife/len(lifeScripts) + 10 { // each plan_full takes one out of stock
		plans = append(plans, fmt.Sprintf("plan-%d,US,50,,", p))
	}
	s.ImportKeys(rows...)
	s.ImportPlans(plans...)
	return &crashers{Shop: s}
}

func lifeKey(life, i int) string { return fmt.Sprintf("life%d-%d", life, i) }

// crashFlags make leases short, so that the dead do not keep the living waiting.
var crashFlags = []string{"--lease", "300ms", "--connector-timeout", "2s", "--key-task-limit", "0"}

// crashAt lives a life that ends at that point, in one round or another: what a life surely comes to more
// than once is let go by up to twice. On a machine that is too busy a daemon may lose its leases instead
// of draining, and then another life comes to the point.
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
		d := m.withCrashPoint(point, passes).Start(flags...)
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

// withCrashPoint is the shop with a program that dies at that point.
func (s *Shop) withCrashPoint(point string, passes int) *Shop {
	armed := *s
	armed.Program = FaultInjectingProgram(s.T)
	armed.Env = append(slices.Clone(s.Env), fmt.Sprintf("KEYSEAT_CRASH=%s:%d", point, passes))
	return &armed
}

// diedAt says whether a daemon was killed by itself, at that point.
func diedAt(d *Daemon, point string) error {
	if how := d.Cmd.ProcessState.String(); how != "signal: killed" || !strings.Contains(d.Logs.String(), "dies at "+point+"\n") {
		return fmt.Errorf("not dead at %s but by %s:\n%s", point, how, d.Logs.Tail())
	}
	return nil
}

// runLife makes the requests of a life, a few at once, until it is over; midway is called in the midst, in
// place of one of them.
func (m *crashers) runLife(d *Daemon, midway func(i int)) {
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

// stopWhileDraining tells the daemon to stop, where it shall die while it drains, when the provider has just been
// asked for something that takes it long.
func (m *crashers) stopWhileDraining(d *Daemon, point string) func(i int) {
	return func(i int) {
		m.sendRequest(d, i, longScript(point))
		if strings.HasPrefix(point, "drain.") {
			m.waitSent(d, longScript(point))
			d.Signal(Terminate)
		}
	}
}

// longScript lasts for some beats of the leases, and is cut off where that is to be died at.
func longScript(point string) string {
	if strings.HasPrefix(point, "drain.retry.") {
		return "silent+success"
	}
	return "slow=700+success"
}

// waitSent waits until the provider has the asking of this life, or life is over.
func (m *crashers) waitSent(d *Daemon, script string) {
	login := fmt.Sprintf("%s@%d-", script, m.lives)
	m.Eventually("the provider is asked", func() bool {
		return d.HasEnded() || slices.ContainsFunc(m.Provider.Requests(), func(r connectortest.Request) bool {
			return strings.HasPrefix(r.Content.Account.Login.Reveal(), login)
		})
	})
}

// sendRequest makes one request and remembers it.
func (m *crashers) sendRequest(d *Daemon, i int, script string) {
	r := crashRequest{code: lifeKey(m.lives, i), login: fmt.Sprintf("%s@%d-%d.example.com", script, m.lives, i)}
	form, sent := Upgrade(r.code, r.login, "US"), UpgradeSent
	switch {
	case i%7 == 6:
		form, sent = Renew(r.code, r.login), RenewSent
	case script == "shortage":
		r.outOfStock = true
		form = Upgrade(r.code, r.login, "FR")
	}
	a, err := d.Send("POST", d.URL+"/API/", form, FormHeader)
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

// finish lets one last daemon end what the others have left, and holds the database and the
// provider's ledger to what the clients remember.
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
	if n := m.count(accepted); n < m.deaths/4 { // many die of what their predecessors have left
		m.Errorf("only %d requests were accepted in %d lives: nothing is proven", n, m.lives)
	}
	m.Logf("%d lives, %d deaths, %d requests accepted, %d without an answer", m.lives, m.deaths, m.count(accepted), m.count(unanswered))
}

// tasksByKey counts the tasks of each key.
func (s *Shop) tasksByKey() map[string]int {
	s.Helper()
	all := map[string]int{}
	for _, t := range s.Tasks() {
		all[t.Code]++
	}
	return all
}

// faults says what has become of the requests that must not have.
func (m *crashers) faults() (all []string) {
	m.Helper()
	stored := m.tasksByKey()
	asked := map[string]map[string]bool{} // tasks by login
	for _, r := range m.Provider.Requests() {
		login := r.Content.Account.Login.Reveal()
		if asked[login] == nil {
			asked[login] = map[string]bool{}
		}
		asked[login][r.Content.Task] = true
	}
	for _, r := range m.requests {
		if fault := r.fault(stored[r.code], len(asked[r.login])); fault != "" {
			all = append(all, fault)
		}
	}
	return all
}

// fault says what is wrong if so many tasks are stored for a request, and the provider was asked for so
// many.
func (r crashRequest) fault(stored, asked int) string {
	switch {
	case r.result == accepted && stored != 1,
		r.result == unanswered && stored > 1,
		r.result == declined:
		return fmt.Sprintf("%+v has become %d tasks", r, stored)
	case r.outOfStock && asked > 0, !r.outOfStock && asked != stored:
		return fmt.Sprintf("%+v has become %d tasks, and the provider was asked for %d", r, stored, asked)
	}
	return ""
}
