package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A pair has the two stores under comparison: first the model, then the other store.
type pair struct {
	*rapid.T
	steps *int // counts the steps of all histories
	sides [2]*side
}

// A side is one of the two stores under comparison, with the changes that it was given and the leases that it has
// returned.
type side struct {
	fixture
	ids     int // the number of ids that were made
	applied []tasks.Change
	leased  []tasks.Snapshot
}

func newSide(t *testing.T, open Open) *side {
	f := newFixture(t, open(t))
	f.rules.KeyTasks, f.rules.Attempts = 0, 2
	return &side{fixture: f}
}

// each runs a step on both sides and compares the printed results.
func (p pair) each(step string, do func(*side) any) {
	*p.steps++
	model, other := fmt.Sprint(do(p.sides[0])), fmt.Sprint(do(p.sides[1]))
	if model != other {
		p.Fatalf("%s\nthe model:\n%s\nthe other store:\n%s", step, model, other)
	}
}

// dump returns the contents of a side as text, without the times.
func (s *side) dump() any {
	var b strings.Builder
	for _, v := range must(s.Keys(s.ctx, adminstore.KeyFilter{}, adminstore.Page{Limit: 100})).Entries {
		fmt.Fprintln(&b, formatKey(v.Key), formatTask(v.Task))
		for _, e := range must(s.History(s.ctx, v.Key.Code)) {
			e.At = time.Time{}
			fmt.Fprintln(&b, " ", e)
		}
	}
	for i := range batches {
		for _, k := range must(s.Batch(s.ctx, fmt.Sprint("b", i))) {
			fmt.Fprintln(&b, "batch", i, formatKey(k))
		}
	}
	var lines []string
	for _, v := range must(s.Tasks(s.ctx, adminstore.TaskFilter{}, adminstore.Page{Limit: maxTasks})).Entries {
		lines = append(lines, formatTask(v.Task))
	}
	slices.Sort(lines)
	fmt.Fprintln(&b, lines)
	for _, plan := range must(s.Plans(s.ctx, 0, 100)) {
		plan.Seq = 0
		fmt.Fprintln(&b, plan)
	}
	fmt.Fprintln(&b, must(s.Stock(s.ctx)))
	return b.String()
}

// formatKey formats a key without its times.
func formatKey(k keys.Key) string {
	k.PurchaseDate, k.UsedDate, k.NextTaskAt = time.Time{}, time.Time{}, time.Time{}
	return fmt.Sprint(k)
}

// formatTask formats a task without its times, and adds whether the task is open and whether it is leased.
func formatTask(t *tasks.Task) string {
	if t == nil {
		return "no task"
	}
	copied := *t
	leased := !t.LeasedUntil.IsZero()
	copied.FirstAttempt, copied.CreatedAt, copied.DueAt, copied.LeasedUntil, copied.EndedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return fmt.Sprint(copied, t.Open(), leased)
}

// maxTasks is more than the number of tasks in a history.
const maxTasks = 1000

// batches is the number of different import batches in a history. It is small, so that some batches are imported twice.
const batches = 12
