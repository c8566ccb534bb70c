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
)

// Run tests whether the stores that open makes keep the contract of [tasks.Store] and [adminstore.AdminStore].
func Run(t *testing.T, open Open) {
	cases := slices.Concat(snapshotCases, applyCases, undecidedCases, settleCases, leaseCases, adminCases, listCases, statsCases, raceCases)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(newFixture(t, open(t))) })
	}
}

// RunOutbox tests whether a store keeps the contract of [outbox.Outbox].
func RunOutbox(t *testing.T, open func(t testing.TB) OutboxStore) {
	for _, c := range outboxCases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.run(outboxFixture{newFixture(t, s), s})
		})
	}
}

var outboxCases = []struct {
	name string
	run  func(f outboxFixture)
}{
	{"Outbox/events before a subscription are not queued", outboxBefore},
	{"Outbox/each event is queued once for each subscriber", outboxRoutes},
	{"Outbox/a delivery has one lease", outboxLeases},
	{"Outbox/a lost lease", outboxFenced},
	{"Outbox/due later", outboxDue},
	{"Outbox/an event during a lease", outboxMeanwhile},
	{"Outbox/a key is queued again by its next event", outboxRequeue},
	{"Outbox/a long history is delivered in parts", outboxLong},
	{"Outbox/a subscriber that is gone is disabled", outboxGone},
	{"Outbox/low stock", outboxLowStock},
	{"Outbox/replay", outboxReplay},
	{"Outbox/expired subscribers are deleted", outboxExpires},
	{"Outbox/unsubscribe", outboxUnsubscribe},
	{"Outbox/many writers, many workers", outboxParallel},
}
