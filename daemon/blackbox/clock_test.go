package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// stepSize is how far a clock steps.
const stepSize = 10 * time.Minute

// TestClockSteps holds that no task is lost, doubled or left lying when the clock that decides, the
// database's on PostgreSQL and the daemon's on SQLite, steps by ten minutes, forward and back, while
// tasks are asked about, wait for their time, or have only just been accepted, and even where the
// daemon that has them dies at that moment.
func TestClockSteps(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
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

// TestDaemonClocksDiffer holds that it does not matter how far off the clocks of daemons are that share a
// database, nor that they step.
func TestDaemonClocksDiffer(t *testing.T) {
	t.Parallel()
	const daemons = 3
	c := newClocks(NewPostgresShop(t, pgtest.URL(t)), daemons)
	c.skewDaemons(daemons, func(i int) time.Duration { return time.Duration(i-1) * (2*c.off - stepSize) }) // -10, 0, 10 or the other way round
	c.run()
}

// Clocks are a shop with clocks that can be put off.
type clocks struct {
	*Shop
	shopOf   []*Shop // of each daemon
	set      func()  // puts the clocks off by off
	off      time.Duration
	decisive bool // the clock that is off is the one that decides
	daemons  []*Daemon
	round    int
	accepted int
	slowest  time.Duration          // until all the tasks of a round had ended
	offsets  map[time.Duration]bool // how far off the times were that keys were used at
}

func newClocks(s *Shop, daemons int) *clocks {
	c := &clocks{Shop: s, offsets: map[time.Duration]bool{}}
	for range daemons {
		c.shopOf = append(c.shopOf, s)
	}
	var codes []string
	for round := range 2 * Scaled(2, 50) {
		for i := range stepKeys {
			codes = append(codes, c.code(round, i))
		}
	}
	s.AddKeys(codes...)
	s.ImportPlans(fmt.Sprintf("p,US,%d,,", len(codes)))
	return c
}

func (*clocks) code(round, i int) string { return fmt.Sprintf("step%d-%d", round, i) }

// run lives all rounds.
func (c *clocks) run() {
	c.Helper()
	c.set()
	for i := range c.shopOf {
		c.daemons = append(c.daemons, c.serveDaemon(i))
	}
	for range Scaled(2, 50) {
		c.runRound(stepSize)
		c.runRound(-stepSize)
	}
	c.finish()
	Report(c.T, c.round, c.round, "accepted", c.accepted, "slowest", c.slowest.Round(time.Millisecond))
}

func (c *clocks) serveDaemon(i int) *Daemon {
	c.Helper()
	return c.shopOf[i].Serve("--lease", "500ms", "--key-task-limit", "0", "--task-backoff", "100ms", "--workers", "4")
}

// stepKeys are the keys of one round.
const stepKeys = 12

// stepScripts are in turn what the provider does with them: some are asked about for long enough that
// the clock steps meanwhile, and some wait for their time.
var stepScripts = []string{"slow=300+success", "503+503+503+success", "202=1+success", "success"}

// runRound lives a round: the clock steps in the midst of it, and in every other pair of rounds a daemon
// dies then.
func (c *clocks) runRound(by time.Duration) {
	c.Helper()
	c.sendRequests()
	asked := fmt.Sprintf("@%d-", c.round)
	c.Eventually("the provider is asked", func() bool { return strings.Count(c.logins(), asked) >= 4 })
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

// logins are those that the provider was asked about.
func (c *clocks) logins() string {
	var all strings.Builder
	for _, r := range c.Provider.Requests() {
		all.WriteString(r.Content.Account.Login.Reveal() + "\n")
	}
	return all.String()
}

// sendRequests sends the requests of a round, at once.
func (c *clocks) sendRequests() {
	c.Helper()
	got := sendSimultaneously(c.daemons, stepKeys, func(i int) string {
		login := fmt.Sprintf("%s@%d-%d.example.com", stepScripts[i%len(stepScripts)], c.round, i)
		return Upgrade(c.code(c.round, i), login, "US")
	})
	if got[UpgradeSent] != stepKeys {
		c.Fatalf("answers: %v", got)
	}
	c.accepted += stepKeys
}

// maxRoundTime is how soon every task of a round must end after the step: within its lease, five seconds, and
// what its attempts take on a machine that has other things to do.
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

// finish holds that every key was served once and in time, and that the database and the ledger agree.
func (c *clocks) finish() {
	c.Helper()
	for _, d := range c.daemons {
		d.Stop()
	}
	for _, fault := range c.faults(c.tasksByKey(), c.Plans()["p"]) {
		c.Error(fault)
	}
	c.CheckProvider()
	c.CheckDoctor()
}

// faults says what is wrong with what has become of the tasks, given how many of each key are stored
// and their plan.
func (c *clocks) faults(stored map[string]int, p Plan) (all []string) {
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

// TestClockCheckerFindsFaults holds that a task which is lost, doubled or left lying is found, and a clock that
// was not off where it should have been, or was where it should not.
func TestClockCheckerFindsFaults(t *testing.T) {
	right := func() *clocks {
		return &clocks{decisive: true, accepted: 2, slowest: time.Second, offsets: map[time.Duration]bool{0: true, stepSize: true}}
	}
	stored, spent := map[string]int{"A": 1, "B": 1}, Plan{Spent: 2}
	if all := right().faults(stored, spent); len(all) > 0 {
		t.Errorf("wrong, though all is right: %v", all)
	}
	wrong := func(what string, c *clocks, stored map[string]int, p Plan) {
		if len(c.faults(stored, p)) == 0 {
			t.Errorf("nothing is wrong with %s", what)
		}
	}
	wrong("a lost task", right(), map[string]int{"A": 1}, spent)
	wrong("a doubled task", right(), map[string]int{"A": 1, "B": 2}, spent)
	wrong("a slot that is spent twice", right(), stored, Plan{Spent: 3})
	wrong("a doubt", right(), stored, Plan{Spent: 2, Suspect: 1})
	late, still, strange := right(), right(), right()
	late.slowest = stepSize
	wrong("a task that lay for ten minutes", late, stored, spent)
	still.offsets = map[time.Duration]bool{0: true}
	wrong("a clock that was never off", still, stored, spent)
	strange.decisive = false
	wrong("a clock that decides and should not", strange, stored, spent)
}

// TestPausesAreKept holds that a task which waits because the provider has asked for it is not taken for
// one of a clock that has gone back, however short the leases are.
func TestPausesAreKept(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,1,,")
		d := s.Serve("--lease", "200ms")
		start := time.Now()
		d.MustAccept(Upgrade("K", "503=3+success@example.com", "US"))
		d.ExpectEnd("K", "success", "")
		if took := time.Since(start); took < 3*time.Second {
			s.Errorf("asked again %s later, though the provider has asked for three seconds", took)
		}
	})
}
