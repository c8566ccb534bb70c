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
