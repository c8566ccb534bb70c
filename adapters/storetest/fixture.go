package storetest

import (
	"context"
	"fmt"
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

// A testCase is one promise of the contract.
type testCase struct {
	name string
	run  func(f fixture)
}

// A fixture is a store under test, with the operations of the test cases.
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

// issue imports unused keys.
func (f fixture) issue(codes ...keys.Code) {
	f.Helper()
	all := make([]keys.Key, len(codes))
	for i, code := range codes {
		all[i] = keys.Key{Code: code, Status: keys.Active}
	}
	f.must(f.importKeys(all...))
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
	address, invite := id+" street", id+"-invite"
	f.must(f.EditPlans(f.ctx, []stock.PlanEdit{{ID: id, Country: &country, Size: &size, Address: &address, Invite: &invite}}))
}

// snapshot reads one key.
func (f fixture) snapshot(code keys.Code) tasks.Snapshot {
	f.Helper()
	snapshots, err := f.Snapshots(f.ctx, []keys.Code{code})
	f.must(err)
	return snapshots[0]
}

// decide returns the change that accepts a task, with a sealed account.
func (f fixture) decide(kind tasks.Kind, code keys.Code, country string, empty bool) tasks.Change {
	f.Helper()
	c, err := f.rules.Accept(f.snapshot(code), newRequest(kind, code, country), id(), empty)
	f.must(err)
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

// accept opens a task.
func (f fixture) accept(kind tasks.Kind, code keys.Code, country string) tasks.Task {
	f.Helper()
	f.must(f.apply(f.decide(kind, code, country, false)))
	return *f.snapshot(code).Task
}

// openUpgrade issues a key, creates the plan p in US with one slot, and opens an upgrade of the key.
func (f fixture) openUpgrade(code keys.Code) {
	f.Helper()
	f.issue(code)
	f.plan("p", "US", 1)
	f.accept(tasks.Upgrade, code, "US")
}

// finish opens a task of the key, and ends it with an outcome. No other task may be due.
func (f fixture) finish(kind tasks.Kind, code keys.Code, o tasks.Outcome) {
	f.Helper()
	f.accept(kind, code, "US")
	f.end(f.lease(), o)
}

// apply makes one change.
func (f fixture) apply(c tasks.Change) error {
	f.Helper()
	errs, err := f.Apply(f.ctx, []tasks.Change{c})
	f.must(err)
	return errs[0]
}

// lease leases the only due task.
func (f fixture) lease() tasks.Snapshot {
	f.Helper()
	snapshots, err := f.Lease(f.ctx, "worker", 10, ttl)
	f.must(err)
	if len(snapshots) != 1 {
		f.Fatalf("leased %d tasks, want 1", len(snapshots))
	}
	return snapshots[0]
}

// settle returns the change that settles the snapshot's task with a connector result.
func (f fixture) settle(v tasks.Snapshot, a tasks.ConnectorResult, empty bool) tasks.Change {
	return f.rules.Settle(v, tasks.Attempt{Sent: v.At, Result: a}, id(), empty)
}

// end settles the snapshot's task with an outcome.
func (f fixture) end(v tasks.Snapshot, o tasks.Outcome) {
	f.Helper()
	f.must(f.apply(f.settle(v, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: o}, false)))
}

// slots returns the slot counts of a plan as free/held/spent/suspect.
func (f fixture) slots(id string) string {
	f.Helper()
	plans, err := f.Plans(f.ctx, 0, 1000)
	f.must(err)
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
	events, err := f.History(f.ctx, code)
	f.must(err)
	var entries []string
	for _, e := range events {
		entries = append(entries, fmt.Sprintf("%s:%s:%s>%s", e.Type, e.Plan, e.From, e.To))
	}
	return strings.Join(entries, " ")
}
