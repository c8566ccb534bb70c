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
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A Store is a store with both required ports.
type Store interface {
	tasks.Store
	adminstore.AdminStore
}

// An Open returns an empty store, which is closed when the test ends.
//
// The store's clock shows the time of this machine, and advances between any two calls, because later events must
// have later times. The store keeps times in UTC, to the microsecond or finer. The suite makes thousands of
// writes, so the store should not wait for the disk if it can avoid that.
type Open func(t testing.TB) Store

// Clock returns a clock for a store under test. The clock of this machine may show the same microsecond twice, so
// Clock adds 10 microseconds more at each call.
func Clock() func() time.Time {
	var calls atomic.Int64
	return func() time.Time { return time.Now().Add(time.Duration(calls.Add(1)) * 10 * time.Microsecond) }
}

// Run tests whether the stores that open makes keep the contract of [tasks.Store] and [adminstore.AdminStore].
func Run(t *testing.T, open Open) {
	cases := slices.Concat(
		snapshotCases, applyCases, undecidedCases, settleCases, leaseCases, adminCases, listCases, statsCases, raceCases)
	runCases(t, cases, func(t testing.TB) fixture { return newFixture(t, open(t)) })
}

// A testCase is one promise of a contract, with the test of a store in a fixture.
type testCase[F any] struct {
	name string
	run  func(f F)
}

// runCases runs each test case as a subtest, with a store of its own.
func runCases[F any](t *testing.T, cases []testCase[F], fixture func(testing.TB) F) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			defer failOnPanic(t)
			c.run(fixture(t))
		})
	}
}

// failOnPanic is deferred by a test case. A panic, such as that of [must], fails only this case.
func failOnPanic(t *testing.T) {
	if failure := recover(); failure != nil {
		t.Fatalf("%v\n%s", failure, debug.Stack())
	}
}

// must returns the value of a call, and panics after an error. Only the goroutine of a test case may use it.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
