// Package storetest tests whether a store keeps the contract of [tasks.Store] and [adminstore.AdminStore].
//
// The test of a store is a few lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) storetest.Store { return open(t) })
//	}
//
// Each promise of the contract is a subtest with the promise as its name. A store cannot skip any of them.
// [RunOutbox], [RunStats], [RunActivity] and [RunArchive] test the ports that are optional for a store. RunArchive tests the
// inspector too.
//
// [Compare] runs two stores on the same random histories. It requires equal results of all steps, and equal contents at
// the end. Give it the store of package memory as the model. [Bench] measures a store.
package storetest

import (
	"slices"
	"testing"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
)

// Run tests whether the stores that open makes keep the contract of [tasks.Store] and [adminstore.AdminStore].
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

// RunLogins tests whether the counters that open makes keep the contract of [tasks.LoginCounter]. Each counter is empty.
func RunLogins(t *testing.T, open func(t testing.TB) tasks.LoginCounter) {
	runCases(t, loginCases, func(t testing.TB) logins { return logins{t, open(t)} })
}

// RunActivity tests whether the stores that open makes keep the contract of [activity.Store]. Each store is empty.
func RunActivity(t *testing.T, open func(t testing.TB) activity.Store) {
	runCases(t, activityCases, func(t testing.TB) activities { return activities{newFixture(t, nil), open(t)} })
}
