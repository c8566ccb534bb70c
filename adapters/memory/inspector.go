package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/audit"
)

var _ audit.Inspector = (*Store)(nil)

// Records implements [audit.Inspector].
func (s *Store) Records(_ context.Context, after keys.Code, n int) ([]audit.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	codes := map[keys.Code]bool{}
	for code := range s.keys {
		codes[code] = true
	}
	for _, t := range s.tasks {
		codes[t.Code] = true
	}
	var all []audit.Record
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		if code > after && len(all) < n {
			all = append(all, s.record(code))
		}
	}
	return all, nil
}

// Record implements [audit.Inspector].
func (s *Store) Record(_ context.Context, code keys.Code) (audit.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record(code), nil
}

func (s *Store) record(code keys.Code) audit.Record {
	r := audit.Record{At: s.now(), Code: code, Key: s.keys[code], Events: slices.Clone(s.history[code])}
	for _, t := range s.tasks {
		if t.Code == code {
			r.Tasks = append(r.Tasks, *s.snapshot(r.Key, t.ID).Task)
		}
	}
	slices.SortFunc(r.Tasks, older)
	return r
}

// PlanAudits implements [audit.Inspector].
func (s *Store) PlanAudits(context.Context) ([]audit.PlanAudit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.planAudits()), func(x, y audit.PlanAudit) int { return cmp.Compare(x.Plan.ID, y.Plan.ID) }), nil
}

// planAudits counts the slots of each plan in three ways: in the plan, in the tasks and in the history.
func (s *Store) planAudits() map[string]audit.PlanAudit {
	all := map[string]audit.PlanAudit{}
	for id, p := range s.plans {
		all[id] = audit.PlanAudit{At: s.now(), Plan: p}
	}
	count := func(id string, from, to stock.State, counts func(*audit.PlanAudit) *stock.SlotCounts) {
		if from == to {
			return
		}
		plan, found := all[id]
		if !found {
			plan = audit.PlanAudit{At: s.now(), Plan: stock.Plan{ID: id}}
		}
		c := counts(&plan)
		*c = c.Transfer(from, to, 1)
		all[id] = plan
	}
	for _, t := range s.tasks {
		count(t.Plan.ID, "", t.Slot, func(a *audit.PlanAudit) *stock.SlotCounts { return &a.Tasks })
	}
	for _, events := range s.history {
		for _, e := range events {
			count(e.Plan, e.From, e.To, func(a *audit.PlanAudit) *stock.SlotCounts { return &a.Moves })
		}
	}
	return all
}

// FixCounters implements [audit.Inspector].
func (s *Store) FixCounters(_ context.Context, c audit.CounterFix) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	plan, err := c.Apply(s.planAudits()[c.Event.Plan])
	if err != nil {
		return err
	}
	s.plans[plan.ID] = plan
	s.history[c.Event.Code] = append(s.history[c.Event.Code], c.Event)
	return nil
}
