package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// The generators draw from few values, so that the steps of a history affect each other.
var (
	someCode    = rapid.Map(rapid.IntRange(0, 5), func(i int) keys.Code { return keys.Code(fmt.Sprintf("K%d", i)) })
	someCountry = rapid.SampledFrom([]string{"US", "DE", "FR", ""})
	someOutcome = rapid.SampledFrom(tasks.Outcomes(tasks.Upgrade))
	someEffect  = rapid.SampledFrom([]tasks.Effect{tasks.Unknown, tasks.None, tasks.Pending, tasks.Refused, tasks.Settled, tasks.Settled, tasks.Settled})
)

func (p pair) issue(r *rapid.T) {
	codes := rapid.SliceOfN(someCode, 1, 3).Draw(r, "codes")
	used, batch := rapid.Bool().Draw(r, "used"), rapid.IntRange(0, batches-1).Draw(r, "batch")
	p.each("issue", func(s *side) any {
		all := unused(codes...)
		for i := range all {
			all[i].Used = used
		}
		return s.batch(adminstore.ImportBatch{ID: fmt.Sprint("b", batch), Type: tasks.EventIssued, Note: "one"}, all...)
	})
}

func (p pair) editPlan(r *rapid.T) {
	id, size := fmt.Sprint("p", rapid.IntRange(0, 4).Draw(r, "plan")), rapid.IntRange(0, 3).Draw(r, "size")
	edit := stock.NewPlanEdit(id, rapid.SampledFrom([]stock.Country{"US", "DE"}).Draw(r, "country"), size)
	if rapid.IntRange(0, 3).Draw(r, "retire") == 0 {
		edit = stock.PlanEdit{ID: id, Retire: true}
	}
	p.each("plan", func(s *side) any { return s.edit(edit) })
}

func (p pair) accept(r *rapid.T) {
	codes := rapid.SliceOfN(someCode, 1, 4).Draw(r, "codes")
	country, empty := someCountry.Draw(r, "country"), rapid.IntRange(0, 4).Draw(r, "empty") == 0
	kind := rapid.SampledFrom([]tasks.Kind{tasks.Upgrade, tasks.Upgrade, tasks.Renew}).Draw(r, "kind")
	decided := !rapid.Bool().Draw(r, "undecided")
	p.each("accept", func(s *side) any {
		var refusals []error
		var changes []tasks.Change
		for _, code := range codes {
			c := undecided(s.rules, kind, code, country, s.id())
			if decided {
				var err error
				c, err = s.rules.Accept(s.snapshot(code), newRequest(kind, code, country), c.ID, empty)
				if refusals = append(refusals, err); err != nil {
					continue
				}
				seal(&c)
			}
			changes = append(changes, c)
		}
		return []any{refusals, s.applyAll(changes...)}
	})
}

// id returns a new id. Both sides get the same sequence of ids.
func (s *side) id() string {
	s.ids++
	return fmt.Sprintf("m%06d", s.ids)
}

func (s *side) applyAll(changes ...tasks.Change) string {
	s.applied = append(s.applied, changes...)
	return fmt.Sprint(must(s.Apply(s.ctx, changes)))
}

// lease leases one to three tasks. If [side.hasTies], the stores may lease in different orders. So lease then leases
// all tasks, and sorts them.
func (p pair) lease(r *rapid.T) {
	n, d := rapid.IntRange(0, 3).Draw(r, "n"), ttl
	if n == 0 {
		n, d = 1, briefTTL
	}
	all := p.sides[0].hasTies() || p.sides[1].hasTies()
	p.each("lease", func(s *side) any {
		if all {
			n = maxTasks
		}
		snapshots := must(s.Lease(s.ctx, "worker", n, d))
		if all {
			slices.SortFunc(snapshots, func(x, y tasks.Snapshot) int { return strings.Compare(x.Task.ID, y.Task.ID) })
		}
		s.leased = append(s.leased, snapshots...)
		results := ""
		for _, v := range snapshots {
			results += formatKey(v.Key) + formatTask(v.Task)
			if len(snapshots) > 1 { // the leases of one call may end at the same time; extending each removes such ties
				results += fmt.Sprint(s.extend(v.Task.Ref(), d))
			}
		}
		return results
	})
}

// hasTies reports whether two open tasks become leasable at the same time. A store may lease either of them first.
func (s *side) hasTies() bool {
	open := must(s.Tasks(s.ctx, adminstore.TaskFilter{State: adminstore.OpenTask}, adminstore.Page{Limit: maxTasks}))
	seen := map[int64]bool{}
	for _, v := range open.Entries {
		seen[v.Task.LeasableAt().UnixNano()] = true
	}
	return len(seen) < len(open.Entries)
}

// pickLease chooses a lease, current or old, and returns its index. Both sides have the same leases.
func (p pair) pickLease(r *rapid.T) int {
	if len(p.sides[0].leased) == 0 {
		r.Skip("nothing was leased")
	}
	return rapid.IntRange(0, len(p.sides[0].leased)-1).Draw(r, "lease")
}

func (p pair) settle(r *rapid.T) {
	i := p.pickLease(r)
	result := tasks.ConnectorResult{Effect: someEffect.Draw(r, "effect"), Outcome: someOutcome.Draw(r, "outcome")}
	p.each("settle", func(s *side) any {
		v := s.leased[i]
		now := s.snapshot(v.Key.Code)
		v.At = now.At
		if now.Task != nil && now.Task.ID == v.Task.ID && now.Task.Open() {
			v.Key = now.Key
		}
		change := s.id()
		attempt := tasks.Attempt{Sent: v.At, Result: result}
		results := s.applyAll(s.rules.Settle(v, attempt, change, false))
		if strings.Contains(results, stock.ErrOutOfStock.Error()) {
			results += s.applyAll(s.rules.Settle(v, attempt, change, true))
		}
		return results
	})
}

func (p pair) extend(r *rapid.T) {
	i, d := p.pickLease(r), rapid.SampledFrom([]time.Duration{0, ttl}).Draw(r, "ttl")
	p.each("extend", func(s *side) any { return s.extend(s.leased[i].Task.Ref(), d) })
}

// update applies an admin action to a key.
func (p pair) update(r *rapid.T) {
	code, action := someCode.Draw(r, "code"), rapid.IntRange(0, 5).Draw(r, "action")
	outcome := someOutcome.Draw(r, "outcome")
	p.each("update", func(s *side) any {
		v := s.snapshot(code)
		decide := []func(tasks.Snapshot, string) (tasks.Change, error){
			tasks.Revoke, tasks.Restore, tasks.Reset, tasks.RetryNow, tasks.Release,
			func(v tasks.Snapshot, id string) (tasks.Change, error) { return tasks.Resolve(v, outcome, id) },
		}[action]
		c, err := decide(v, s.id())
		if err != nil {
			return err
		}
		return s.applyAll(c)
	})
}

func (p pair) reapply(r *rapid.T) {
	if len(p.sides[0].applied) == 0 {
		r.Skip("nothing was applied")
	}
	i := rapid.IntRange(0, len(p.sides[0].applied)-1).Draw(r, "change")
	p.each("reapply", func(s *side) any { return must(s.Apply(s.ctx, []tasks.Change{s.applied[i], s.applied[i]})) })
}
