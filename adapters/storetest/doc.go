// Package storetest holds a store to the contract of [tasks.Store] and [tasks.AdminStore].
//
// A store's own test is a few lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) storetest.Store { return open(t) })
//	}
//
// Each promise of the contract is a subtest, whose name says it. [RunOutbox], [RunCensus] and
// [RunArchive] do the same for the ports that a store need not have. There is nothing to opt out of. [Compare] runs two stores side by side on random histories and
// wants equal verdicts and equal contents in the end; give it memory as the other side.
package storetest
