package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/audit"
)

var _ audit.Inspector = (*Store)(nil)

// Records implements [audit.Inspector].
func (s *Store) Records(_ context.Context, after keys.Code, n int) ([]audit.Record, error) {
	defer s.lock()()
	codes := slices.AppendSeq(slices.Collect(maps.Keys(s.keys)), maps.Keys(s.history))
	for _, t := range s.tasks {
		codes = append(codes, t.Code)
	}
	slices.Sort(codes)
	var all []audit.Record
	for _, code := range slices.Compact(codes) {
		if code > after && len(all) < n {
			all = append(all, s.record(code))
		}
	}
	return all, nil
}

// Record implements [audit.Inspector].
func (s *Store) Record(_ context.Context, code keys.Code) (audit.Record, error) {
	defer s.lock()()
	return s.record(code), nil
}

func (s *Store) record(code keys.Code) audit.Record {
	r := audit.Record{At: s.now(), Code: code, Key: s.keys[code], Events: slices.Clone(s.history[code])}
	for _, t := range s.tasks {
		if t.Code == code {
			r.Tasks = append(r.Tasks, *s.snapshot(r.Key, t.ID).Task)
		}
	}
	slices.SortFunc(r.Tasks, func(x, y tasks.Task) int {
		return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
	})
	return r
}

// PlanAudits implements [audit.Inspector].
func (s *Store) PlanAudits(context.Context) ([]audit.PlanAudit, error) {
	defer s.lock()()
	return slices.SortedFunc(maps.Values(s.planAudits()), func(x, y audit.PlanAudit) int { return cmp.Compare(x.Plan.ID, y.Plan.ID) }), nil
}

// planAudits counts the slots of each plan in three ways: in the plan, in the tasks and in the history.
func (s *Store) planAudits() map[string]audit.PlanAudit {
	ofTasks, moves := map[string]stock.SlotCounts{}, map[string]stock.SlotCounts{}
	for _, t := range s.tasks {
		if t.Slot != "" {
			ofTasks[t.Plan.ID] = ofTasks[t.Plan.ID].Add(t.Slot, 1)
		}
	}
	for _, events := range s.history {
		for _, e := range events {
			if e.From != e.To {
				moves[e.Plan] = moves[e.Plan].Transfer(e.From, e.To, 1)
			}
		}
	}
	all := map[string]audit.PlanAudit{}
	for _, id := range slices.Concat(slices.Collect(maps.Keys(s.plans)), slices.Collect(maps.Keys(ofTasks)), slices.Collect(maps.Keys(moves))) {
		plan := s.plans[id]
		plan.ID = id
		all[id] = audit.PlanAudit{At: s.now(), Plan: plan, Tasks: ofTasks[id], Moves: moves[id]}
	}
	return all
}

// FixCounters implements [audit.Inspector].
func (s *Store) FixCounters(_ context.Context, c audit.CounterFix) error {
	defer s.lock()()
	plan, err := c.Apply(s.planAudits()[c.Event.Plan])
	if err != nil {
		return err
	}
	s.plans[plan.ID] = plan
	s.history[c.Event.Code] = append(s.history[c.Event.Code], c.Event)
	s.outbox.appendEntries(c.ID, c.Event)
	return nil
}

// LevelAudits implements [audit.Inspector]. The store keeps no sums, because Stock adds up the plans.
func (*Store) LevelAudits(context.Context) ([]audit.LevelAudit, error) { return nil, nil }

// FixLevel implements [audit.Inspector]. There is nothing to fix.
func (*Store) FixLevel(context.Context, stock.Country) error { return nil }

var _ archive.Archiver = (*Store)(nil)

// Archive implements [archive.Archiver].
func (s *Store) Archive(_ context.Context, plans []archive.Plan, keep func(archive.Rows) error) ([]error, error) {
	defer s.lock()()
	errs, archived := make([]error, len(plans)), map[keys.Code]bool{}
	var rows archive.Rows
	for i, p := range plans {
		if len(s.history[p.Code]) != p.Lines || s.outbox.hasPending(p.Code) || archived[p.Code] {
			errs[i] = tasks.ErrConflict
			continue
		}
		archived[p.Code] = true
		for _, id := range p.Tasks {
			rows.Tasks = append(rows.Tasks, s.tasks[id])
		}
	}
	isArchived := func(e tasks.HistoryEntry) bool { return archived[e.Code] }
	rows.Lines = slices.DeleteFunc(slices.Clone(s.outbox.entries), func(e tasks.HistoryEntry) bool { return !isArchived(e) })
	if err := keep(rows); err != nil {
		return nil, err
	}
	s.outbox.entries = slices.DeleteFunc(s.outbox.entries, isArchived)
	for i, p := range plans {
		if errs[i] == nil {
			s.archive(p)
		}
	}
	return errs, nil
}

// archive deletes the tasks that p lists, and replaces the history of the key by p.Summary.
func (s *Store) archive(p archive.Plan) {
	for _, id := range p.Tasks {
		delete(s.tasks, id)
	}
	s.history[p.Code] = slices.Clone(p.Summary)
	s.outbox.appendEntries(p.ID, p.Summary...)
}

var _ activity.Store = (*Store)(nil)

// RecordActivity implements [activity.Store].
func (s *Store) RecordActivity(_ context.Context, e activity.Entry) error {
	defer s.lock()()
	if !slices.ContainsFunc(s.activity, func(known activity.Entry) bool { return known.ID == e.ID }) {
		e.At = s.now()
		s.activity = append(s.activity, e)
	}
	return nil
}

// Activity implements [activity.Store].
func (s *Store) Activity(_ context.Context, f activity.Filter, p adminstore.Page) (activity.List, error) {
	defer s.lock()()
	all := slices.DeleteFunc(slices.Clone(s.activity), func(e activity.Entry) bool { return !f.Match(e) })
	return adminstore.Cut(all, f.Position, p), nil
}

// DeleteActivity implements [activity.Store].
func (s *Store) DeleteActivity(_ context.Context, before time.Time, n int) (deleted int, _ error) {
	defer s.lock()()
	s.activity = slices.DeleteFunc(s.activity, func(e activity.Entry) bool {
		gone := deleted < n && e.At.Before(before)
		if gone {
			deleted++
		}
		return gone
	})
	return deleted, nil
}
