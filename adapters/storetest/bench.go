package storetest

import (
	"fmt"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// sizes are the measured batch sizes. They stand for one caller, a few callers and many callers.
var sizes = []int{1, 16, 256}

// Bench measures a store, so that stores can be compared. It reports the keys, upgrades, tasks or calls per second for:
//
//   - Find, Snapshots, and Apply of changes that accept upgrades, because clients wait for them
//   - Lease, and Apply of changes that end tasks, because workers call them
//   - Stock
//
// All but Stock are measured in batches of several sizes.
func Bench(b *testing.B, open Open) {
	for _, size := range sizes {
		for _, c := range []testCase[*bench]{
			{"find", benchFind}, {"snapshots", benchSnapshots}, {"accept", benchAccept}, {"lease+settle", benchWork},
		} {
			b.Run(fmt.Sprint(c.name, "/", size), func(b *testing.B) {
				defer failOnPanic(b)
				c.run(newBench(b, open, size))
			})
		}
	}
	b.Run("stock", func(b *testing.B) {
		defer failOnPanic(b)
		benchStock(newBench(b, open, 1))
	})
}

// A bench is a filled store for one benchmark, with the batch size and the position of the next batch.
type bench struct {
	fixture
	b     *testing.B
	size  int
	codes []keys.Code
	next  int
}

// The contents of a store when the measurement begins.
const (
	benchKeys  = 20_000
	benchPlans = 100
	benchSlots = 1_000_000 // the slots of all plans together; no benchmark uses all of them
)

func newBench(b *testing.B, open Open, size int) *bench {
	b.Helper()
	n := &bench{fixture: newFixture(b, open(b)), b: b, size: size, codes: numbered("K", benchKeys)}
	n.rules.KeyTasks = 0 // no rate limit, because keys are used repeatedly
	n.issue(n.codes...)
	var edits []stock.PlanEdit
	for i := range benchPlans {
		edits = append(edits, stock.NewPlanEdit(fmt.Sprint("plan-", i), "US", benchSlots/benchPlans))
	}
	n.must(n.edit(edits...))
	b.ReportAllocs()
	return n
}

// batch returns the codes of the next batch. After the last code it starts again with the first one.
func (n *bench) batch() []keys.Code {
	if n.next+n.size > len(n.codes) {
		n.next = 0
	}
	codes := n.codes[n.next : n.next+n.size]
	n.next += n.size
	return codes
}

// report reports the number of items per second. The word what names the items.
func (n *bench) report(what string) {
	n.b.ReportMetric(float64(n.b.N*n.size)/n.b.Elapsed().Seconds(), what+"/s")
}

// measure calls do repeatedly, and reports the rate. Each call counts as n.size items.
func (n *bench) measure(what string, do func()) {
	for n.b.Loop() {
		do()
	}
	n.report(what)
}

func benchFind(n *bench) { n.measure("keys", func() { must(n.Find(n.ctx, n.batch())) }) }

func benchSnapshots(n *bench) { n.measure("keys", func() { must(n.Snapshots(n.ctx, n.batch())) }) }

func benchStock(n *bench) { n.measure("calls", func() { must(n.Stock(n.ctx)) }) }

// benchAccept measures only the calls of Apply that accept upgrades. While the timer is stopped, it ends these
// upgrades.
func benchAccept(n *bench) {
	for n.b.Loop() {
		n.b.StopTimer()
		changes := n.upgrades(n.batch()...)
		n.b.StartTimer()
		n.applyAll(changes)
		n.b.StopTimer()
		n.applyAll(n.ends(n.leaseBatch()))
		n.b.StartTimer()
	}
	n.report("upgrades")
}

func benchWork(n *bench) {
	for n.b.Loop() {
		n.b.StopTimer()
		n.applyAll(n.upgrades(n.batch()...))
		n.b.StartTimer()
		n.applyAll(n.ends(n.leaseBatch()))
	}
	n.report("tasks")
}

// leaseBatch leases a batch of tasks.
func (n *bench) leaseBatch() []tasks.Snapshot {
	n.Helper()
	snapshots := must(n.Lease(n.ctx, "worker", n.size, ttl))
	if len(snapshots) != n.size {
		n.Fatalf("leased %d tasks, want %d", len(snapshots), n.size)
	}
	return snapshots
}

// ends returns the changes that end the tasks with [tasks.WrongAddress], so that their keys can be used again.
func (n *bench) ends(snapshots []tasks.Snapshot) []tasks.Change {
	changes := make([]tasks.Change, len(snapshots))
	for i, v := range snapshots {
		changes[i] = n.settle(v, settled(tasks.WrongAddress), false)
	}
	return changes
}

// applyAll applies changes, and fails the benchmark if the store rejects one of them.
func (n *bench) applyAll(changes []tasks.Change) {
	n.Helper()
	for _, err := range must(n.Apply(n.ctx, changes)) {
		n.must(err)
	}
}
