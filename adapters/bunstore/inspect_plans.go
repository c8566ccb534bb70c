package bunstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// PlanAudits implements [audit.Inspector].
func (s *Store) PlanAudits(ctx context.Context) (all []audit.PlanAudit, err error) {
	err = s.snapshot(ctx, func(tx session) error {
		found, err := tx.planAudits(ctx, "")
		all = slices.SortedFunc(maps.Values(found), func(x, y audit.PlanAudit) int { return cmp.Compare(x.Plan.ID, y.Plan.ID) })
		return err
	})
	return all, s.wrap("audit plans", err)
}

// planAudits returns the audit of the plan with the given id, or of all plans if id is "". The map is by plan id.
func (s session) planAudits(ctx context.Context, id string) (map[string]audit.PlanAudit, error) {
	now, err := readTime(ctx, s.runCached)
	if err != nil {
		return nil, err
	}
	var rows []planModel
	q := s.selectInto(&rows)
	if id != "" {
		q.Where("p.id = ?", q.Bind(id))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	all := map[string]audit.PlanAudit{}
	for _, p := range rows {
		all[p.ID] = audit.PlanAudit{At: now, Plan: stock.Plan(p.planColumns)}
	}
	return all, s.countSlots(ctx, id, now, all)
}

// countSlots adds the slot counts of the tasks (Tasks) and of the history entries (Moves) to the audits.
func (s session) countSlots(ctx context.Context, id string, at time.Time, all map[string]audit.PlanAudit) error {
	const these = ` AND (@id = '' OR plan_id = @id) GROUP BY plan_id, `
	return s.runOnce(ctx, `
		SELECT plan_id, slot, 1, count(*) FROM keyseat_tasks WHERE slot NOT IN ('', 'free')`+these+`slot
		UNION ALL SELECT plan_id, slot_to, 0, count(*) FROM keyseat_history WHERE slot_to NOT IN ('', 'free')`+these+`slot_to
		UNION ALL SELECT plan_id, slot_from, 0, -count(*) FROM keyseat_history WHERE slot_from NOT IN ('', 'free')`+these+`slot_from`,
		query.Args{"id": id}, func(r query.Row) error {
			var plan string
			var state stock.State
			var ofTask bool
			var n int
			err := r.Scan([]query.Column{query.Text(&plan), query.Text(&state), query.Bool(&ofTask), query.Int(&n)})
			sums, found := all[plan]
			if !found {
				sums = audit.PlanAudit{At: at, Plan: stock.Plan{ID: plan}}
			}
			if ofTask {
				sums.Tasks = sums.Tasks.Add(state, n)
			} else {
				sums.Moves = sums.Moves.Add(state, n)
			}
			all[plan] = sums
			return err
		})
}

// FixCounters implements [audit.Inspector].
func (s *Store) FixCounters(ctx context.Context, c audit.CounterFix) error {
	err := s.transact(ctx, func(tx session) error { return tx.fixCounters(ctx, c) })
	for _, refusal := range []error{tasks.ErrConflict, stock.ErrSlotState} {
		if errors.Is(err, refusal) {
			return err
		}
	}
	return s.wrap("fix counters", err)
}

// fixCounters locks the plan's country, counts its slots again, and writes the corrected counters. Under this
// lock no other transaction can transfer a slot of the plan.
func (s session) fixCounters(ctx context.Context, c audit.CounterFix) error {
	var held stock.Country
	err := s.runOnce(ctx, `
		SELECT c.code FROM keyseat_countries c
		WHERE c.code IN (SELECT country FROM keyseat_plans WHERE id = @id)`+s.forUpdate("c"),
		query.Args{"id": c.Event.Plan}, func(r query.Row) error { return r.Scan([]query.Column{query.Text(&held)}) })
	if err != nil {
		return err
	}
	found, err := s.planAudits(ctx, c.Event.Plan)
	if err != nil {
		return err
	}
	if p := found[c.Event.Plan].Plan; p.ID != "" && p.Country != held {
		return dberr.ErrRetry
	}
	plan, err := c.Apply(found[c.Event.Plan])
	if err != nil {
		return err
	}
	if err := s.writePlans(ctx, []stock.Plan{plan}, nil); err != nil {
		return err
	}
	return s.insertRouted(ctx, []tasks.HistoryEntry{{Change: c.ID, Event: c.Event}}) // the event has no key
}
