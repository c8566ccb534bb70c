// Package storetest tests whether a store keeps the contract of [tasks.Store] and [adminstore.AdminStore].
//
// The test of a store is a few lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) storetest.Store { return open(t) })
//	}
//
// Each promise of the contract is a subtest with the promise as its name. A store cannot skip a subtest. [RunOutbox],
// [RunStats], [RunArchive], [RunLogins] and [RunActivity] test the ports that a store need not implement.
//
// [Compare] runs the same random histories on a store and on a model, such as the store of package memory. The
// results of all steps must be equal, and so must the contents at the end. [Bench] measures a store.
package storetest

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
)

// Run tests whether a store keeps the contracts of [tasks.Store] and [adminstore.AdminStore].
func Run(t *testing.T, open Open) {
	cases := slices.Concat(
		snapshotCases, applyCases, undecidedCases, settleCases, leaseCases, adminCases, listCases, statsCases, raceCases)
	runCases(t, cases, func(t testing.TB) fixture { return newFixture(t, open(t)) })
}

// RunOutbox tests whether a store keeps the contract of [outbox.Outbox].
func RunOutbox(t *testing.T, open func(t testing.TB) OutboxStore) {
	runCases(t, outboxCases, func(t testing.TB) outboxFixture {
		s := open(t)
		return outboxFixture{newFixture(t, s), s}
	})
}

// RunStats tests whether a store keeps the contract of [stats.TaskStats].
func RunStats(t *testing.T, open func(t testing.TB) StatsStore) {
	runCases(t, taskStatsCases, func(t testing.TB) statsFixture {
		s := open(t)
		return statsFixture{newFixture(t, s), s}
	})
}

// RunArchive tests whether a store keeps the contracts of [archive.Archiver] and [audit.Inspector].
func RunArchive(t *testing.T, open func(t testing.TB) ArchiveStore) {
	runCases(t, archiveCases, func(t testing.TB) archiveFixture {
		s := open(t)
		return archiveFixture{newFixture(t, s), s}
	})
}

// RunLogins tests whether a counter keeps the contract of [tasks.LoginCounter]. The function open returns an empty
// counter.
func RunLogins(t *testing.T, open func(t testing.TB) tasks.LoginCounter) {
	runCases(t, loginCases, func(t testing.TB) logins { return logins{t, open(t)} })
}

// RunActivity tests whether a store keeps the contract of [activity.Store]. The function open returns an empty store.
func RunActivity(t *testing.T, open func(t testing.TB) activity.Store) {
	runCases(t, activityCases, func(t testing.TB) activities { return activities{newFixture(t, nil), open(t)} })
}

// Compare runs the same random histories on two stores. The results of each step must be equal, and so must the
// contents at the end of a history. Times are not compared, because each store has its own clock. Tasks that become
// leasable at the same time may be leased in any order.
//
// The flag -rapid.checks sets the number of histories, and -rapid.steps the approximate number of steps in each.
// Compare reports the number of all steps as the attribute "trials" of the test.
func Compare(t *testing.T, model, other Open) {
	steps := 0
	defer func() { t.Attr("trials", strconv.Itoa(steps)) }()
	rapid.Check(t, func(r *rapid.T) {
		p := pair{r, &steps, [2]*side{newSide(t, model), newSide(t, other)}}
		p.each("plan", func(s *side) any { return s.edit(stock.NewPlanEdit("p0", "US", 2), stock.NewPlanEdit("p1", "DE", 1)) })
		r.Repeat(map[string]func(*rapid.T){
			"issue":   p.issue,
			"plan":    p.editPlan,
			"accept":  p.accept,
			"lease":   p.lease,
			"settle":  p.settle,
			"extend":  p.extend,
			"update":  p.update,
			"reapply": p.reapply,
		})
		p.each("contents", (*side).dump)
	})
}
