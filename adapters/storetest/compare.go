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
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Compare runs two stores through the same random histories. After each step, the verdicts of both must be equal.
// At the end of a history, the contents of both must be equal. Times are not compared, because each store has its
// own clock.
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
			"steer":   p.steer,
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

// A side is one of the two stores, with the changes that were applied to it and the leases that it gave.
type side struct {
	fixture
	minted int
	made   []tasks.Change
	leased []tasks.Snapshot
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
		p.Fatalf("%s\nthe model says\n%s\nthe store says\n%s", step, model, other)
	}
}

var (
	someCode    = rapid.Map(rapid.IntRange(0, 5), func(i int) keys.Code { return keys.Code(fmt.Sprintf("K%d", i)) })
	someCountry = rapid.SampledFrom([]string{"US", "DE", "FR", ""})
	someOutcome = rapid.SampledFrom(tasks.Outcomes(tasks.Upgrade))
	someEffect  = rapid.SampledFrom([]tasks.Effect{tasks.Unknown, tasks.None, tasks.Pending, tasks.Refused, tasks.Settled, tasks.Settled, tasks.Settled})
)

// batches is the number of import batches. It is small, so that some batches are imported twice.
const batches = 12

func (p pair) issue(r *rapid.T) {
	codes := rapid.SliceOfN(someCode, 1, 3).Draw(r, "codes")
	used, batch := rapid.Bool().Draw(r, "used"), rapid.IntRange(0, batches-1).Draw(r, "batch")
	p.each("issue", func(s *side) string {
		all := make([]keys.Key, len(codes))
		for i, code := range codes {
			all[i] = keys.Key{Code: code, Status: keys.Active, Used: used}
		}
		return fmt.Sprint(s.batch(tasks.ImportBatch{ID: fmt.Sprint("b", batch), Type: tasks.EventIssued, Note: "one"}, all...))
	})
}

func (p pair) editPlan(r *rapid.T) {
	n, size := rapid.IntRange(0, 4).Draw(r, "plan"), rapid.IntRange(0, 3).Draw(r, "size")
	country := rapid.SampledFrom([]stock.Country{"US", "DE"}).Draw(r, "country")
	if rapid.IntRange(0, 3).Draw(r, "retire") == 0 {
		p.each("retire", func(s *side) string {
			return fmt.Sprint(s.EditPlans(s.ctx, []stock.PlanEdit{{ID: fmt.Sprint("p", n), Retire: true}}))
		})
		return
	}
	p.each("plan", func(s *side) string { return s.plans(n, country, size) })
}

func (s *side) plans(n int, country stock.Country, size int) string {
	return fmt.Sprint(s.EditPlans(s.ctx, []stock.PlanEdit{{ID: fmt.Sprint("p", n), Country: &country, Size: &size}}))
}

func (p pair) accept(r *rapid.T) {
	codes := rapid.SliceOfN(someCode, 1, 4).Draw(r, "codes")
	country, empty := someCountry.Draw(r, "country"), rapid.IntRange(0, 4).Draw(r, "empty") == 0
	kind := rapid.SampledFrom([]tasks.Kind{tasks.Upgrade, tasks.Upgrade, tasks.Renew}).Draw(r, "kind")
	p.each("accept", func(s *side) string {
		var said []string
		var changes []tasks.Change
		for _, code := range codes {
			c, err := s.rules.Accept(s.view(code), s.request(kind, code, country), s.id(), empty)
			said = append(said, fmt.Sprint(err))
			if err == nil {
				s.seal(&c)
				changes = append(changes, c)
			}
		}
		return strings.Join(said, ",") + s.applyAll(changes...)
	})
}

func (*side) request(kind tasks.Kind, code keys.Code, country string) tasks.Request {
	return tasks.Request{Kind: kind, Code: code, Country: country, Account: tasks.Account{
		Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("long enough, 1"),
	}}
}

func (*side) seal(c *tasks.Change) {
	if c.Task.Open() {
		c.Task.Sealed = []byte("sealed " + c.Task.ID)
	}
}

// id returns a new id. Both sides get the same sequence of ids.
func (s *side) id() string {
	s.minted++
	return fmt.Sprintf("m%06d", s.minted)
}

func (s *side) applyAll(changes ...tasks.Change) string {
	s.made = append(s.made, changes...)
	errs, err := s.Apply(s.ctx, changes)
	s.must(err)
	return fmt.Sprint(errs)
}

func (p pair) lease(r *rapid.T) {
	n, d := rapid.IntRange(0, 3).Draw(r, "n"), ttl
	if n == 0 {
		n, d = 1, brief // a single task, because leases that expire simultaneously have no order
	}
	p.each("lease", func(s *side) string {
		views, err := s.Lease(s.ctx, "worker", n, d)
		s.must(err)
		s.leased = append(s.leased, views...)
		said := ""
		for _, v := range views {
			said += showKey(v.Key) + showTask(v.Task)
		}
		return said
	})
}

// pick chooses the index of a lease, current or old. Both sides have the same leases.
func (p pair) pick(r *rapid.T) int {
	if len(p.sides[0].leased) == 0 {
		r.Skip("nothing was leased")
	}
	return rapid.IntRange(0, len(p.sides[0].leased)-1).Draw(r, "lease")
}

func (p pair) settle(r *rapid.T) {
	i := p.pick(r)
	answer := tasks.ConnectorResult{Effect: someEffect.Draw(r, "effect"), Outcome: someOutcome.Draw(r, "outcome")}
	p.each("settle", func(s *side) string {
		v := s.leased[i]
		now := s.view(v.Key.Code)
		v.At = now.At
		if now.Task != nil && now.Task.ID == v.Task.ID && now.Task.Open() {
			v.Key = now.Key
		}
		change := s.id()
		ask := tasks.Attempt{Sent: v.At, Result: answer}
		said := s.applyAll(s.rules.Settle(v, ask, change, false))
		if strings.Contains(said, stock.ErrOutOfStock.Error()) {
			said += s.applyAll(s.rules.Settle(v, ask, change, true))
		}
		return said
	})
}

func (p pair) extend(r *rapid.T) {
	i, d := p.pick(r), rapid.SampledFrom([]time.Duration{0, ttl}).Draw(r, "ttl")
	p.each("extend", func(s *side) string { return fmt.Sprint(s.extend(s.leased[i].Task.Ref(), d)) })
}

func (p pair) steer(r *rapid.T) {
	code, verb := someCode.Draw(r, "code"), rapid.IntRange(0, 5).Draw(r, "verb")
	outcome := someOutcome.Draw(r, "outcome")
	p.each("steer", func(s *side) string {
		v := s.view(code)
		decide := []func(tasks.Snapshot, string) (tasks.Change, error){
			tasks.Revoke, tasks.Restore, tasks.Reset, tasks.RetryNow, tasks.Release,
			func(v tasks.Snapshot, id string) (tasks.Change, error) { return tasks.Resolve(v, outcome, id) },
		}[verb]
		c, err := decide(v, s.id())
		if err != nil {
			return err.Error()
		}
		return s.applyAll(c)
	})
}

func (p pair) reapply(r *rapid.T) {
	if len(p.sides[0].made) == 0 {
		r.Skip("nothing was applied")
	}
	i := rapid.IntRange(0, len(p.sides[0].made)-1).Draw(r, "change")
	p.each("reapply", func(s *side) string {
		errs, err := s.Apply(s.ctx, []tasks.Change{s.made[i], s.made[i]})
		s.must(err)
		return fmt.Sprint(errs)
	})
}

// dump returns the contents of a side as text, without the times.
func (s *side) dump() string {
	var b strings.Builder
	views, err := s.Keys(s.ctx, "", 100)
	s.must(err)
	for _, v := range views {
		fmt.Fprintln(&b, showKey(v.Key), showTask(v.Task))
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
			fmt.Fprintln(&b, "batch", i, showKey(k))
		}
	}
	all, err := s.Tasks(s.ctx, tasks.AnyTask, tasks.Task{}, 1000)
	s.must(err)
	lines := make([]string, len(all))
	for i, v := range all {
		lines[i] = showTask(v.Task)
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

func showKey(k keys.Key) string {
	k.PurchaseDate, k.UsedDate, k.NextTaskAt = time.Time{}, time.Time{}, time.Time{}
	return fmt.Sprint(k)
}

func showTask(t *tasks.Task) string {
	if t == nil {
		return "no task"
	}
	shown := *t
	leased := !t.LeasedUntil.IsZero()
	shown.FirstAttempt, shown.CreatedAt, shown.DueAt, shown.LeasedUntil, shown.EndedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return fmt.Sprint(shown, t.Open(), leased)
}
