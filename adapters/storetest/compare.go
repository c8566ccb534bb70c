package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// Compare runs two stores through the same random histories. After each step, the results of both must be equal.
// At the end of a history, the contents of both must be equal. Times are not compared, because each store has its
// own clock. Tasks that become leasable at the same time may be leased in any order.
//
// The flag -rapid.checks sets the number of histories, and -rapid.steps the approximate number of steps in each.
// Compare reports the number of all steps as the attribute "trials" of the test.
func Compare(t *testing.T, model, other Open) {
	steps := 0
	defer func() { t.Attr("trials", strconv.Itoa(steps)) }()
	rapid.Check(t, func(r *rapid.T) {
		p := pair{r, &steps, [2]*side{newSide(t, model), newSide(t, other)}}
		p.each("plan", func(s *side) string { return s.plans(0, "US", 2) + s.plans(1, "DE", 1) })
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

// A pair is the two stores under comparison: the model and the other one.
type pair struct {
	*rapid.T
	steps *int // the number of steps of all pairs
	sides [2]*side
}

// A side is one of the two stores, with its applied changes and its leases.
type side struct {
	fixture
	ids     int // the number of ids
	applied []tasks.Change
	leased  []tasks.Snapshot
}

func newSide(t *testing.T, open Open) *side {
	f := newFixture(t, open(t))
	f.rules.KeyTasks, f.rules.Attempts = 0, 2
	return &side{fixture: f}
}

// each runs a step on both sides and compares the results.
func (p pair) each(step string, do func(*side) string) {
	*p.steps++
	model, other := do(p.sides[0]), do(p.sides[1])
	if model != other {
		p.Fatalf("%s\nthe model:\n%s\nthe other store:\n%s", step, model, other)
	}
}

// dump returns the contents of a side as text, without the times.
func (s *side) dump() string {
	var b strings.Builder
	list, err := s.Keys(s.ctx, adminstore.KeyFilter{}, adminstore.Page{Limit: 100})
	s.must(err)
	for _, v := range list.Entries {
		fmt.Fprintln(&b, formatKey(v.Key), formatTask(v.Task))
		events, err := s.History(s.ctx, v.Key.Code)
		s.must(err)
		for _, e := range events {
			e.At = time.Time{}
			fmt.Fprintln(&b, " ", e)
		}
	}
	for i := range batches {
		all, err := s.Batch(s.ctx, fmt.Sprint("b", i))
		s.must(err)
		for _, k := range all {
			fmt.Fprintln(&b, "batch", i, formatKey(k))
		}
	}
	all, err := s.Tasks(s.ctx, adminstore.TaskFilter{}, adminstore.Page{Limit: maxTasks})
	s.must(err)
	lines := make([]string, len(all.Entries))
	for i, v := range all.Entries {
		lines[i] = formatTask(v.Task)
	}
	slices.Sort(lines)
	plans, err := s.Plans(s.ctx, 0, 100)
	s.must(err)
	levels, err := s.Stock(s.ctx)
	s.must(err)
	fmt.Fprintln(&b, lines)
	for _, plan := range plans {
		plan.Seq = 0
		fmt.Fprintln(&b, plan)
	}
	fmt.Fprintln(&b, levels)
	return b.String()
}

// formatKey and formatTask leave out the times.
func formatKey(k keys.Key) string {
	k.PurchaseDate, k.UsedDate, k.NextTaskAt = time.Time{}, time.Time{}, time.Time{}
	return fmt.Sprint(k)
}

func formatTask(t *tasks.Task) string {
	if t == nil {
		return "no task"
	}
	copied := *t
	leased := !t.LeasedUntil.IsZero()
	copied.FirstAttempt, copied.CreatedAt, copied.DueAt, copied.LeasedUntil, copied.EndedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return fmt.Sprint(copied, t.Open(), leased)
}
