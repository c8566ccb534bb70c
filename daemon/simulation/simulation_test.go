package simulation_test

import (
	"flag"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/tasks"
)

// TestMain runs 1,000 histories, unless -rapid.checks sets another number.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		_ = flag.Set("rapid.checks", "1000") // cannot fail: the value is a number
	}
	os.Exit(m.Run())
}

// runHistory runs a history in a synctest bubble of its own, and returns the violations that the checks found.
func runHistory(t *testing.T, h history, b bug) []string {
	var w *world
	synctest.Test(t, func(*testing.T) { w = run(h, b) })
	return w.faults.found
}

func TestRandomHistoriesKeepInvariants(t *testing.T) {
	played, faults := 0, 0
	defer func() {
		t.Attr("trials", strconv.Itoa(played))
		t.Attr("faults", strconv.Itoa(faults))
	}()
	rapid.Check(t, func(r *rapid.T) {
		h := histories.Draw(r, "history")
		played, faults = played+1, faults+len(h.Faults)
		for _, fault := range runHistory(t, h, bug{}) {
			r.Error(fault)
		}
	})
}

// within is the maximum number of histories until each bug must be found.
const within = 100

// TestPlantedBugsAreFound tests that the checks of [TestRandomHistoriesKeepInvariants] find each planted bug. Without
// the bug, the same history must have no violation.
func TestPlantedBugsAreFound(t *testing.T) {
	t.Attr("faults", strconv.Itoa(len(bugs)))
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			for seed := range within {
				h := histories.Example(seed)
				if found := runHistory(t, h, b); len(found) > 0 && len(runHistory(t, h, bug{})) == 0 {
					t.Logf("found by history %d: %s", seed, found[0])
					return
				}
			}
			t.Errorf("not found within %d histories", within)
		})
	}
}

// TestHistoriesCoverEveryEvent tests that the random histories cover every type of event of a task or a key, and stale
// writes of daemons.
func TestHistoriesCoverEveryEvent(t *testing.T) {
	seen, fenced := map[tasks.EventType]int{}, 0
	for seed := range within {
		synctest.Test(t, func(*testing.T) {
			w := run(histories.Example(seed), bug{})
			for i := range w.Keys {
				for _, e := range w.store.record(w.code(i)).Events {
					seen[e.Type]++
				}
			}
			fenced += w.store.fenced
		})
	}
	t.Logf("%v, %d stale writes refused", seen, fenced)
	for _, cause := range []tasks.EventType{
		tasks.EventAccepted, tasks.EventRetried, tasks.EventPlanFaulty, tasks.EventClaimed, tasks.EventEnded, tasks.EventRetryNow,
		tasks.EventResolved, tasks.EventReleased, tasks.EventRevoked, tasks.EventRestored, tasks.EventReset,
	} {
		if seen[cause] == 0 {
			t.Errorf("nothing was %s", cause)
		}
	}
	if fenced == 0 {
		t.Error("no stale write was refused")
	}
}

// TestNoAttemptOutlivesItsLease tests that a daemon makes no attempt without a lease. The store becomes unreachable and
// then a call hangs, so that the last extension is on its way when the lease expires.
func TestNoAttemptOutlivesItsLease(t *testing.T) {
	var all []fault
	for n, kind := range []faultKind{lostBefore, lostBefore, slowBefore} {
		all = append(all, fault{Call: extend, Nth: n, Kind: kind, For: 45 * time.Second})
	}
	patient := behaviour{Kind: good, Before: 45 * time.Second}
	for after := range 10 {
		h := history{Daemons: 1, Lease: 30 * time.Second, Keys: 1, Plans: []planSize{{"US", 1}}, Faults: all}
		h.Steps = []step{
			{After: time.Duration(after) * time.Second, Do: upgrade, Script: script{Country: "US", Behaviours: []behaviour{patient}}},
			{After: 100 * time.Second, Do: adjust},
		}
		for _, fault := range runHistory(t, h, bug{}) {
			t.Errorf("after %d s: %s", after, fault)
		}
	}
}
