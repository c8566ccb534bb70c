package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// stepped is how far a clock steps.
const stepped = 10 * time.Minute

// TestClocksStep holds that no task is lost, doubled or left lying when the clock that decides, the
// database's on PostgreSQL and the daemon's on SQLite, steps by ten minutes, forward and back, while
// tasks are asked about, wait for their time, or have only just been accepted, and even where the
// daemon that has them dies at that moment.
func TestClocksStep(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		c := newClocks(s, 1)
		if s.embedded() {
			c.ofDaemons(1, func(int) time.Duration { return c.off })
		} else {
			c.ofPostgres()
		}
		c.decides = true
		c.live()
	})
}

// TestClocksOfDaemons holds that it does not matter how far off the clocks of daemons are that share a
// database, nor that they step.
func TestClocksOfDaemons(t *testing.T) {
	t.Parallel()
	const daemons = 3
	c := newClocks(onPostgres(t, pgtest.URL(t)), daemons)
	c.ofDaemons(daemons, func(i int) time.Duration { return time.Duration(i-1) * (2*c.off - stepped) }) // -10, 0, 10 or the other way round
	c.live()
}

// Clocks are a shop with clocks that can be put off.
type clocks struct {
	*shop
	shops    []*shop // of each daemon
	set      func()  // puts the clocks off by off
	off      time.Duration
	decides  bool // the clock that is off is the one that decides
	daemons  []*daemon
	round    int
	accepted int
	slowest  time.Duration          // until all the tasks of a round had ended
	seen     map[time.Duration]bool // how far off the times were that keys were used at
}

func newClocks(s *shop, daemons int) *clocks {
	c := &clocks{shop: s, seen: map[time.Duration]bool{}}
	for range daemons {
		c.shops = append(c.shops, s)
	}
	var codes []string
	for round := range 2 * figure(2, 50) {
		for i := range stepKeys {
			codes = append(codes, c.code(round, i))
		}
	}
	s.fresh(codes...)
	s.importPlans(fmt.Sprintf("p,US,%d,,", len(codes)))
	return c
}

func (*clocks) code(round, i int) string { return fmt.Sprintf("step%d-%d", round, i) }

// live lives all rounds.
func (c *clocks) live() {
	c.Helper()
	c.set()
	for i := range c.shops {
		c.daemons = append(c.daemons, c.begin(i))
	}
	for range figure(2, 50) {
		c.steps(stepped)
		c.steps(-stepped)
	}
	c.end()
	tried(c.T, c.round, c.round, "accepted", c.accepted, "slowest", c.slowest.Round(time.Millisecond))
}

func (c *clocks) begin(i int) *daemon {
	c.Helper()
	return c.shops[i].serve("--lease", "500ms", "--key-task-limit", "0", "--task-backoff", "100ms", "--workers", "4")
}

// stepKeys are the keys of one round.
const stepKeys = 12

// stepScripts are in turn what the provider does with them: some are asked about for long enough that
// the clock steps meanwhile, and some wait for their time.
var stepScripts = []string{"slow=300+success", "503+503+503+success", "202=1+success", "success"}

// steps lives a round: the clock steps in the midst of it, and in every other pair of rounds a daemon
// dies then.
func (c *clocks) steps(by time.Duration) {
	c.Helper()
	c.accept()
	asked := fmt.Sprintf("@%d-", c.round)
	c.until("the provider is asked", func() bool { return strings.Count(c.logins(), asked) >= 4 })
	start := time.Now()
	c.off += by
	c.set()
	if i := c.round % len(c.daemons); c.round/2%2 == 1 {
		c.daemons[i].kill()
		c.daemons[i] = c.begin(i)
	}
	c.endsInTime(start)
	c.round++
}

// logins are those that the provider was asked about.
func (c *clocks) logins() string {
	var all strings.Builder
	for _, r := range c.provider.Requests() {
		all.WriteString(r.Order.Account.Login.Reveal() + "\n")
	}
	return all.String()
}

// accept sends the requests of a round, at once.
func (c *clocks) accept() {
	c.Helper()
	got := atOnce(c.daemons, stepKeys, func(i int) string {
		login := fmt.Sprintf("%s@%d-%d.example.com", stepScripts[i%len(stepScripts)], c.round, i)
		return upgrade(c.code(c.round, i), login, "US")
	})
	if got[upgradeSent] != stepKeys {
		c.Fatalf("answers: %v", got)
	}
	c.accepted += stepKeys
}

// prompt is how soon every task of a round must end after the step: within its lease, five seconds, and
// what its attempts take on a machine that has other things to do.
const prompt = 500*time.Millisecond + 5*time.Second + 10*time.Second

func (c *clocks) endsInTime(start time.Time) {
	c.Helper()
	for i := range stepKeys {
		d := c.daemons[i%len(c.daemons)]
		d.endsAs(c.code(c.round, i), "success", "")
		used, err := time.Parse(time.RFC3339, *d.info(c.code(c.round, i)).UsedDate)
		if err != nil {
			c.Fatal(err)
		}
		c.seen[time.Until(used).Round(stepped)] = true
	}
	c.slowest = max(c.slowest, time.Since(start))
}

// end holds that every key was served once and in time, and that the database and the ledger agree.
func (c *clocks) end() {
	c.Helper()
	for _, d := range c.daemons {
		d.stop()
	}
	for _, fault := range c.faults(c.stored(), c.plans()["p"]) {
		c.Error(fault)
	}
	c.agrees()
	c.well()
}

// faults says what is wrong with what has become of the tasks, given how many of each key are stored
// and their plan.
func (c *clocks) faults(stored map[string]int, p plan) (all []string) {
	fault := func(wrong bool, format string, about ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, about...))
		}
	}
	fault(c.slowest > prompt, "the tasks of a round ended %s after the step", c.slowest)
	fault(len(stored) != c.accepted, "of %d accepted tasks %d are stored", c.accepted, len(stored))
	for code, n := range stored {
		fault(n != 1, "%s has %d tasks", code, n)
	}
	fault(p.Spent != c.accepted || p.Suspect != 0, "%d tasks have spent %+v", c.accepted, p)
	fault(c.decides && !c.seen[stepped], "the clock was never off: nothing is proven")
	for off := range c.seen {
		fault(off != 0 && (!c.decides || off != stepped), "a key was used %s from now", off)
	}
	return all
}

// TestClocksAreChecked holds that a task which is lost, doubled or left lying is found, and a clock that
// was not off where it should have been, or was where it should not.
func TestClocksAreChecked(t *testing.T) {
	right := func() *clocks {
		return &clocks{decides: true, accepted: 2, slowest: time.Second, seen: map[time.Duration]bool{0: true, stepped: true}}
	}
	stored, spent := map[string]int{"A": 1, "B": 1}, plan{Spent: 2}
	if all := right().faults(stored, spent); len(all) > 0 {
		t.Errorf("wrong, though all is right: %v", all)
	}
	wrong := func(what string, c *clocks, stored map[string]int, p plan) {
		if len(c.faults(stored, p)) == 0 {
			t.Errorf("nothing is wrong with %s", what)
		}
	}
	wrong("a lost task", right(), map[string]int{"A": 1}, spent)
	wrong("a doubled task", right(), map[string]int{"A": 1, "B": 2}, spent)
	wrong("a slot that is spent twice", right(), stored, plan{Spent: 3})
	wrong("a doubt", right(), stored, plan{Spent: 2, Suspect: 1})
	late, still, strange := right(), right(), right()
	late.slowest = stepped
	wrong("a task that lay for ten minutes", late, stored, spent)
	still.seen = map[time.Duration]bool{0: true}
	wrong("a clock that was never off", still, stored, spent)
	strange.decides = false
	wrong("a clock that decides and should not", strange, stored, spent)
}

// TestPausesAreKept holds that a task which waits because the provider has asked for it is not taken for
// one of a clock that has gone back, however short the leases are.
func TestPausesAreKept(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K")
		s.importPlans("p,US,1,,")
		d := s.serve("--lease", "200ms")
		start := time.Now()
		d.accepted(upgrade("K", "503=3+success@example.com", "US"))
		d.endsAs("K", "success", "")
		if took := time.Since(start); took < 3*time.Second {
			s.Errorf("asked again %s later, though the provider has asked for three seconds", took)
		}
	})
}
