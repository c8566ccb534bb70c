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

// points are where a daemon dies: before and after each commit and each asking, and the same while it
// drains.
var points = map[string]string{
	"accepting": "accept.before accept.after shortage.before shortage.after",
	"leasing":   "lease.before lease.after extend.before extend.after back.before back.after",
	"asking":    "send.before send.after retry.before retry.after move.before move.after end.before end.after",
	"draining": `drain.extend.before drain.extend.after drain.send.after
		drain.retry.before drain.retry.after drain.end.before drain.end.after`,
}

// TestCrashPoints holds that a daemon which dies at any of the points, with another after it which may
// die as well, loses no accepted request and doubles none.
func TestCrashPoints(t *testing.T) {
	each := figure(2, 10)
	for where, names := range points {
		t.Run(where, func(t *testing.T) {
			eachDatabase(t, func(s *shop) {
				points := strings.Fields(names)
				m := newMortals(s, each*len(points))
				for round := range each {
					for _, point := range points {
						m.dies(point, round)
					}
				}
				m.settled()
				tried(s.T, m.lives, m.deaths, "points", len(points), "acked", m.count(acked), "unanswered", m.count(unanswered))
			})
		})
	}
}

// Mortals are daemons on one database, each of which dies before the next one starts, and what their
// clients remember.
type mortals struct {
	*shop
	lives  int
	deaths int // where they were to be

	mu       sync.Mutex
	requests []request
}

// A request is one that only one life gets, for a key of its own, and how it was answered.
type request struct {
	code, login string
	short       bool // of a country where nothing is in stock
	answered    fate
}

// A fate is how a request was answered.
type fate string

// The fates.
const (
	acked      fate = "acked"      // with success
	unanswered fate = "unanswered" // not at all, or with a system error: it may have been accepted
	declined   fate = "declined"
)

// lifeTries bounds how many lives may come to a point before one dies there.
const lifeTries = 4

// lifeKeys are the keys of one life. Its requests take turns in what the provider does with them.
const lifeKeys = 24

var lifeScripts = []string{
	"slow=400+success", "500+slow=40+success", "plan_full.slow=40+success", "shortage",
	"slow=40+success", "cut_after+success", "202+wrong_address", "404+slow=60+success",
}

// newMortals stocks the shop for so many deaths.
func newMortals(s *shop, deaths int) *mortals {
	lives := deaths + deaths/2 + lifeTries // some may be in vain
	rows := []string{"code,used"}
	var plans []string
	for life := range lives {
		for i := range lifeKeys {
			rows = append(rows, fmt.Sprintf("%s,%d", lifeKey(life, i), i%7/6)) // one in seven for a renew
		}
	}
	for p := range lives*lifeKeys/len(lifeScripts) + 10 { // each plan_full takes one out of stock
		plans = append(plans, fmt.Sprintf("plan-%d,US,50,,", p))
	}
	s.importKeys(rows...)
	s.importPlans(plans...)
	return &mortals{shop: s}
}

func lifeKey(life, i int) string { return fmt.Sprintf("life%d-%d", life, i) }

// mortalFlags make leases short, so that the dead do not keep the living waiting.
var mortalFlags = []string{"--lease", "300ms", "--connector-timeout", "2s", "--key-task-limit", "0"}

// dies lives a life that ends at that point, in one round or another: what a life surely comes to more
// than once is let go by up to twice. On a machine that is too busy a daemon may lose its leases instead
// of draining, and then another life comes to the point.
func (m *mortals) dies(point string, round int) {
	m.Helper()
	flags, passes := mortalFlags, round%3
	drains := strings.HasPrefix(point, "drain.")
	if drains {
		flags = []string{"--lease", "900ms", "--drain", "2s", "--connector-timeout", "5s", "--key-task-limit", "0"}
	}
	if drains || strings.HasPrefix(point, "back.") {
		passes = 0
	}
	var err error
	for range lifeTries {
		d := m.armed(point, passes).start(flags...)
		m.until("it serves or has died already", func() bool { return d.listens() || d.over() })
		m.live(d, m.midway(d, point))
		m.until("it dies at "+point, d.over)
		m.lives++
		if err = diedAt(d, point); err == nil {
			m.deaths++
			return
		}
	}
	m.Error(err)
}

// armed is the shop with a program that dies at that point.
func (s *shop) armed(point string, passes int) *shop {
	armed := *s
	armed.program = crashing(s.T)
	armed.env = append(slices.Clone(s.env), fmt.Sprintf("KEYSEAT_CRASH=%s:%d", point, passes))
	return &armed
}

// diedAt says whether a daemon was killed by itself, at that point.
func diedAt(d *daemon, point string) error {
	if how := d.cmd.ProcessState.String(); how != "signal: killed" || !strings.Contains(d.log.String(), "dies at "+point+"\n") {
		return fmt.Errorf("not dead at %s but by %s:\n%s", point, how, d.log.tail())
	}
	return nil
}

// live makes the requests of a life, a few at once, until it is over; midway is called in the midst, in
// place of one of them.
func (m *mortals) live(d *daemon, midway func(i int)) {
	var next atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for i := int(next.Add(1)) - 1; i < lifeKeys && !d.over(); i = int(next.Add(1)) - 1 {
				if i == lifeKeys/2 {
					midway(i)
				} else {
					m.ask(d, i, lifeScripts[i%len(lifeScripts)])
				}
			}
		})
	}
	clients.Wait()
}

// midway tells the daemon to stop, where it shall die while it drains, when the provider has just been
// asked for something that takes it long.
func (m *mortals) midway(d *daemon, point string) func(i int) {
	return func(i int) {
		m.ask(d, i, longScript(point))
		if strings.HasPrefix(point, "drain.") {
			m.untilAsked(d, longScript(point))
			d.signal(terminate)
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

// untilAsked waits until the provider has the asking of this life, or life is over.
func (m *mortals) untilAsked(d *daemon, script string) {
	login := fmt.Sprintf("%s@%d-", script, m.lives)
	m.until("the provider is asked", func() bool {
		return d.over() || slices.ContainsFunc(m.provider.Requests(), func(r connectortest.Request) bool {
			return strings.HasPrefix(r.Order.Account.Login.Reveal(), login)
		})
	})
}

// ask makes one request and remembers it.
func (m *mortals) ask(d *daemon, i int, script string) {
	r := request{code: lifeKey(m.lives, i), login: fmt.Sprintf("%s@%d-%d.example.com", script, m.lives, i)}
	form, sent := upgrade(r.code, r.login, "US"), upgradeSent
	switch {
	case i%7 == 6:
		form, sent = renew(r.code, r.login), renewSent
	case script == "shortage":
		r.short = true
		form = upgrade(r.code, r.login, "FR")
	}
	a, err := d.try("POST", d.url+"/API/", form, asForm)
	switch {
	case err != nil || a.code != 200:
		r.answered = unanswered
	case a.body == sent:
		r.answered = acked
	default:
		r.answered = declined
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r)
}

func (m *mortals) count(f fate) (n int) {
	for _, r := range m.requests {
		if r.answered == f {
			n++
		}
	}
	return n
}

// settled lets one last daemon end what the others have left, and holds the database and the
// provider's ledger to what the clients remember.
func (m *mortals) settled() {
	m.Helper()
	d := m.serve(mortalFlags...)
	m.until("every task ends", func() bool { return len(m.tasks("--state", "open")) == 0 })
	for _, fault := range m.faults() {
		m.Error(fault)
	}
	m.agrees()
	d.stop()
	m.well()
	if n := m.count(acked); n < m.deaths/4 { // many die of what their predecessors have left
		m.Errorf("only %d requests were accepted in %d lives: nothing is proven", n, m.lives)
	}
	m.Logf("%d lives, %d deaths, %d requests accepted, %d without an answer", m.lives, m.deaths, m.count(acked), m.count(unanswered))
}

// stored counts the tasks of each key.
func (s *shop) stored() map[string]int {
	s.Helper()
	all := map[string]int{}
	for _, t := range s.tasks() {
		all[t.Code]++
	}
	return all
}

// faults says what has become of the requests that must not have.
func (m *mortals) faults() (all []string) {
	m.Helper()
	stored := m.stored()
	asked := map[string]map[string]bool{} // tasks by login
	for _, r := range m.provider.Requests() {
		login := r.Order.Account.Login.Reveal()
		if asked[login] == nil {
			asked[login] = map[string]bool{}
		}
		asked[login][r.Order.Task] = true
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
func (r request) fault(stored, asked int) string {
	switch {
	case r.answered == acked && stored != 1,
		r.answered == unanswered && stored > 1,
		r.answered == declined:
		return fmt.Sprintf("%+v has become %d tasks", r, stored)
	case r.short && asked > 0, !r.short && asked != stored:
		return fmt.Sprintf("%+v has become %d tasks, and the provider was asked for %d", r, stored, asked)
	}
	return ""
}
