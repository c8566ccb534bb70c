package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A Store has the two ports that every store must implement.
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

// A testCase is one promise of a contract, with the function that tests it on the store of a fixture.
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

// failOnPanic turns a panic, such as that of [must], into a failure of this test case or benchmark. The others still
// run. Each test case and benchmark defers failOnPanic.
func failOnPanic(t testing.TB) {
	t.Helper()
	if failure := recover(); failure != nil {
		t.Fatalf("%v\n%s", failure, debug.Stack())
	}
}

// must returns the value of a call, and panics after an error. Only the goroutine of a test case or of a benchmark may
// call must, because a panic in another goroutine ends the program. See [failOnPanic].
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// A fixture is a store under test, with helper methods for the test cases.
type fixture struct {
	testing.TB
	Store
	ctx   context.Context
	rules tasks.Rules
}

func newFixture(t testing.TB, s Store) fixture {
	rules := tasks.DefaultRules()
	rules.Backoff, rules.MaxBackoff = 0, 0
	return fixture{t, s, t.Context(), rules}
}

var ids atomic.Int64

// id returns a new id for a task or a change.
func id() string { return fmt.Sprintf("id%06d", ids.Add(1)) }

// ttl is the duration of a lease that outlives every test.
const ttl = time.Hour

// must ends the test on an error.
func (f fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// want ends the test unless both values have the same printed form.
func (f fixture) want(what string, got, want any) {
	f.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		f.Fatalf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// wantError ends the test unless the error is target or wraps it.
func (f fixture) wantError(what string, err, target error) {
	f.Helper()
	if !errors.Is(err, target) {
		f.Fatalf("%s: got %v, want %v", what, err, target)
	}
}

// issue imports unused keys.
func (f fixture) issue(codes ...keys.Code) {
	f.Helper()
	f.must(f.importKeys(unused(codes...)...))
}

// unused returns unused keys with the codes.
func unused(codes ...keys.Code) (all []keys.Key) {
	for _, code := range codes {
		all = append(all, keys.Key{Code: code, Status: keys.Active})
	}
	return all
}

// numbered returns n codes that begin with prefix.
func numbered(prefix string, n int) (all []keys.Code) {
	for i := range n {
		all = append(all, keys.Code(fmt.Sprintf("%s%06d", prefix, i)))
	}
	return all
}

// importKeys imports keys as they are, in a new batch.
func (f fixture) importKeys(all ...keys.Key) error {
	return f.batch(adminstore.ImportBatch{ID: id(), Type: tasks.EventImported}, all...)
}

// batch imports a batch of keys.
func (f fixture) batch(b adminstore.ImportBatch, all ...keys.Key) error {
	return f.ImportKeys(f.ctx, b, adminstore.Rows(all...))
}

// plan creates or edits a plan with size slots.
func (f fixture) plan(id string, country stock.Country, size int) {
	f.Helper()
	edit := stock.PlanEdit{ID: id, Country: &country, Size: &size, Address: new(id + " street"), Invite: new(id + "-invite")}
	f.must(f.edit(edit))
}

// prepare issues keys, and creates the plan p in US with a number of slots.
func (f fixture) prepare(slots int, codes ...keys.Code) {
	f.Helper()
	f.issue(codes...)
	f.plan("p", "US", slots)
}

func (f fixture) edit(edits ...stock.PlanEdit) error { return f.EditPlans(f.ctx, edits) }

// snapshot reads one key.
func (f fixture) snapshot(code keys.Code) tasks.Snapshot {
	f.Helper()
	return must(f.Snapshots(f.ctx, []keys.Code{code}))[0]
}

// decide returns the change that accepts a task, with a sealed account. If empty is true, the country is out of stock,
// so the change also ends the task.
func (f fixture) decide(kind tasks.Kind, code keys.Code, country string, empty bool) tasks.Change {
	f.Helper()
	c := must(f.rules.Accept(f.snapshot(code), newRequest(kind, code, country), id(), empty))
	seal(&c)
	return c
}

// newRequest returns a request for a task, with an account.
func newRequest(kind tasks.Kind, code keys.Code, country string) tasks.Request {
	return tasks.Request{Kind: kind, Code: code, Country: country, Account: tasks.Account{
		Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("long enough, 1"),
	}}
}

// seal sets the sealed account of an open task.
func seal(c *tasks.Change) {
	if c.Task.Open() {
		c.Task.Sealed = []byte("\x00sealed " + c.Task.ID)
	}
}

// upgrades returns the changes that accept an upgrade of each key, in US.
func (f fixture) upgrades(codes ...keys.Code) (all []tasks.Change) {
	f.Helper()
	for _, v := range must(f.Snapshots(f.ctx, codes)) {
		c := must(f.rules.Accept(v, newRequest(tasks.Upgrade, v.Key.Code, "US"), id(), false))
		seal(&c)
		all = append(all, c)
	}
	return all
}

// accept opens a task of a key, and returns the task.
func (f fixture) accept(kind tasks.Kind, code keys.Code, country string) tasks.Task {
	f.Helper()
	f.must(f.apply(f.decide(kind, code, country, false)))
	return *f.snapshot(code).Task
}

// openUpgrade issues a key, creates the plan p in US with one slot, and opens an upgrade of the key.
func (f fixture) openUpgrade(code keys.Code) {
	f.Helper()
	f.prepare(1, code)
	f.accept(tasks.Upgrade, code, "US")
}

// finish opens a task of the key, and ends it with an outcome. No other task may be due.
func (f fixture) finish(kind tasks.Kind, code keys.Code, o tasks.Outcome) {
	f.Helper()
	f.accept(kind, code, "US")
	f.end(f.lease(), o)
}

// apply applies one change, and returns the error that the store reports for this change.
func (f fixture) apply(c tasks.Change) error {
	f.Helper()
	return must(f.Apply(f.ctx, []tasks.Change{c}))[0]
}

// update applies an action of an operator, such as [tasks.Revoke], to a key.
func (f fixture) update(action func(v tasks.Snapshot, id string) (tasks.Change, error), code keys.Code) {
	f.Helper()
	f.must(f.apply(must(action(f.snapshot(code), id()))))
}

// lease leases the only due task.
func (f fixture) lease() tasks.Snapshot {
	f.Helper()
	snapshots := must(f.Lease(f.ctx, "worker", 10, ttl))
	if len(snapshots) != 1 {
		f.Fatalf("leased %d tasks, want 1", len(snapshots))
	}
	return snapshots[0]
}

// settle returns the change that settles the snapshot's task with a connector result. If empty is true, no slot is
// free, so the change claims no slot of another plan.
func (f fixture) settle(v tasks.Snapshot, a tasks.ConnectorResult, empty bool) tasks.Change {
	return f.rules.Settle(v, tasks.Attempt{Sent: v.At, Result: a}, id(), empty)
}

// settled returns the connector result for a task that the provider has ended with an outcome.
func settled(o tasks.Outcome) tasks.ConnectorResult {
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: o}
}

// end settles the snapshot's task with an outcome.
func (f fixture) end(v tasks.Snapshot, o tasks.Outcome) {
	f.Helper()
	f.must(f.apply(f.settle(v, settled(o), false)))
}

// slots returns the slot counts of a plan as free/held/spent/suspect.
func (f fixture) slots(id string) string {
	f.Helper()
	plans := must(f.Plans(f.ctx, 0, 1000))
	i := slices.IndexFunc(plans, func(p stock.Plan) bool { return p.ID == id })
	if i < 0 {
		f.Fatalf("no plan %s", id)
	}
	p := plans[i]
	return fmt.Sprintf("%d/%d/%d/%d", p.Free(), p.Held, p.Spent, p.Suspect)
}

// history returns the history of a key as type:plan:from>to, separated by spaces.
func (f fixture) history(code keys.Code) string {
	f.Helper()
	var entries []string
	for _, e := range must(f.History(f.ctx, code)) {
		entries = append(entries, fmt.Sprintf("%s:%s:%s>%s", e.Type, e.Plan, e.From, e.To))
	}
	return strings.Join(entries, " ")
}
