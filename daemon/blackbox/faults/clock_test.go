package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// stepSize is the duration by which a clock steps.
const stepSize = 10 * time.Minute

// TestClockSteps steps the clock that decides by ten minutes, forward and back. It is the clock of PostgreSQL or, with
// SQLite, that of the daemon. At this moment tasks are in progress, wait, or were just accepted, and in some rounds the
// daemon dies. No task is lost, doubled or delayed.
func TestClockSteps(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		c := newClocks(s, 1)
		if s.IsSQLite() {
			c.skewDaemons(1, func(int) time.Duration { return c.off })
		} else {
			c.skewPostgres()
		}
		c.decisive = true
		c.run()
	})
}

// TestDaemonClocksDiffer gives the daemons of a PostgreSQL database clocks that differ and step. This has no effect on
// the tasks.
func TestDaemonClocksDiffer(t *testing.T) {
	t.Parallel()
	const daemons = 3
	c := newClocks(harness.NewPostgresShop(t, pgtest.URL(t)), daemons)
	c.skewDaemons(daemons, func(i int) time.Duration { return time.Duration(i-1) * (2*c.off - stepSize) }) // -10, 0, 10 or the reverse
	c.run()
}

// clocks are a shop with clocks that can be wrong.
type clocks struct {
	*harness.Shop
	shopOf   []*harness.Shop // the shop of each daemon
	set      func()          // sets the clocks to the offset off
	off      time.Duration
	decisive bool // the wrong clock is the one that decides
	daemons  []*harness.Daemon
	round    int
	accepted int
	slowest  time.Duration          // the longest time until all tasks of a round had ended
	offsets  map[time.Duration]bool // the offsets of the times at which keys were used
}

func newClocks(s *harness.Shop, daemons int) *clocks {
	c := &clocks{Shop: s, offsets: map[time.Duration]bool{}}
	for range daemons {
		c.shopOf = append(c.shopOf, s)
	}
	var codes []string
	for round := range 2 * harness.Scaled(2, 50) {
		for i := range stepKeys {
			codes = append(codes, c.code(round, i))
		}
	}
	s.AddKeys(codes...)
	s.ImportPlans(fmt.Sprintf("p,US,%d,,", len(codes)))
	return c
}

func (*clocks) code(round, i int) string { return fmt.Sprintf("step%d-%d", round, i) }

// run runs all rounds.
func (c *clocks) run() {
	c.Helper()
	c.set()
	for i := range c.shopOf {
		c.daemons = append(c.daemons, c.serveDaemon(i))
	}
	for range harness.Scaled(2, 50) {
		c.runRound(stepSize)
		c.runRound(-stepSize)
	}
	c.finish()
	harness.Report(c.T, c.round, c.round, "accepted", c.accepted, "slowest", c.slowest.Round(time.Millisecond))
}

func (c *clocks) serveDaemon(i int) *harness.Daemon {
	c.Helper()
	return c.shopOf[i].Serve("--lease", "500ms", "--key-task-limit", "0", "--task-backoff", "100ms", "--workers", "4")
}

// stepKeys is the number of keys of a round.
const stepKeys = 12

// stepScripts are behaviours of the provider, for one task after another. Some tasks are in progress when the clock
// steps, and others wait.
var stepScripts = []string{"slow=300+success", "503+503+503+success", "202=1+success", "success"}

// runRound steps the clock in the middle of a round. In every other pair of rounds it also kills a daemon.
func (c *clocks) runRound(by time.Duration) {
	c.Helper()
	c.sendRequests()
	mark := fmt.Sprintf("@%d-", c.round)
	c.Eventually("the provider is called", func() bool { return strings.Count(c.logins(), mark) >= 4 })
	start := time.Now()
	c.off += by
	c.set()
	if i := c.round % len(c.daemons); c.round/2%2 == 1 {
		c.daemons[i].Kill()
		c.daemons[i] = c.serveDaemon(i)
	}
	c.expectEnds(start)
	c.round++
}

// logins returns the logins of all requests to the provider.
func (c *clocks) logins() string {
	var all strings.Builder
	for _, r := range c.Provider.Requests() {
		all.WriteString(r.Content.Account.Login.Reveal() + "\n")
	}
	return all.String()
}

// sendRequests sends the requests of a round simultaneously.
func (c *clocks) sendRequests() {
	c.Helper()
	got := sendSimultaneously(c.daemons, stepKeys, func(i int) string {
		login := fmt.Sprintf("%s@%d-%d.example.com", stepScripts[i%len(stepScripts)], c.round, i)
		return harness.Upgrade(c.code(c.round, i), login, "US")
	})
	if got[harness.UpgradeSent] != stepKeys {
		c.Fatalf("answers: %v", got)
	}
	c.accepted += stepKeys
}

// maxRoundTime is the limit for the end of a round's tasks after the step: a lease, five seconds, and the attempts on
// a busy machine.
const maxRoundTime = 500*time.Millisecond + 5*time.Second + 10*time.Second

func (c *clocks) expectEnds(start time.Time) {
	c.Helper()
	for i := range stepKeys {
		d := c.daemons[i%len(c.daemons)]
		d.ExpectEnd(c.code(c.round, i), "success", "")
		used, err := time.Parse(time.RFC3339, *d.Info(c.code(c.round, i)).UsedDate)
		if err != nil {
			c.Fatal(err)
		}
		c.offsets[time.Until(used).Round(stepSize)] = true
	}
	c.slowest = max(c.slowest, time.Since(start))
}

// finish checks that every key was served once and in time, and that the database and the ledger agree.
func (c *clocks) finish() {
	c.Helper()
	for _, d := range c.daemons {
		d.Stop()
	}
	for _, fault := range c.faults(tasksByKey(c.Shop), c.Plans()["p"]) {
		c.Error(fault)
	}
	c.CheckProvider()
	c.CheckDoctor()
}

// faults returns what is wrong, given the number of tasks of each key and their plan.
func (c *clocks) faults(stored map[string]int, p harness.Plan) (all []string) {
	fault := func(wrong bool, format string, about ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, about...))
		}
	}
	fault(c.slowest > maxRoundTime, "the tasks of a round ended %s after the step", c.slowest)
	fault(len(stored) != c.accepted, "of %d accepted tasks %d are stored", c.accepted, len(stored))
	for code, n := range stored {
		fault(n != 1, "%s has %d tasks", code, n)
	}
	fault(p.Spent != c.accepted || p.Suspect != 0, "%d tasks have spent %+v", c.accepted, p)
	fault(c.decisive && !c.offsets[stepSize], "the clock was never off: nothing is proven")
	for off := range c.offsets {
		fault(off != 0 && (!c.decisive || off != stepSize), "a key was used %s from now", off)
	}
	return all
}

// TestClockCheckerFindsFaults checks that the checks of the clock tests find a lost, doubled or delayed task, and a
// clock that was not set as the test wanted.
func TestClockCheckerFindsFaults(t *testing.T) {
	right := func() *clocks {
		return &clocks{decisive: true, accepted: 2, slowest: time.Second, offsets: map[time.Duration]bool{0: true, stepSize: true}}
	}
	stored, spent := map[string]int{"A": 1, "B": 1}, harness.Plan{Spent: 2}
	if all := right().faults(stored, spent); len(all) > 0 {
		t.Errorf("wrong, though all is right: %v", all)
	}
	wrong := func(what string, c *clocks, stored map[string]int, p harness.Plan) {
		if len(c.faults(stored, p)) == 0 {
			t.Errorf("nothing is wrong with %s", what)
		}
	}
	wrong("a lost task", right(), map[string]int{"A": 1}, spent)
	wrong("a doubled task", right(), map[string]int{"A": 1, "B": 2}, spent)
	wrong("a slot that is spent twice", right(), stored, harness.Plan{Spent: 3})
	wrong("a doubt", right(), stored, harness.Plan{Spent: 2, Suspect: 1})
	late, still, undecided := right(), right(), right()
	late.slowest = stepSize
	wrong("a task that lay for ten minutes", late, stored, spent)
	still.offsets = map[time.Duration]bool{0: true}
	wrong("a clock that was never off", still, stored, spent)
	undecided.decisive = false
	wrong("a clock that decides and should not", undecided, stored, spent)
}
