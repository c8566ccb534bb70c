package main

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

var _ adminstore.AdminStore = (*store)(nil)

func (s *store) ImportKeys(ctx context.Context, b adminstore.ImportBatch, all iter.Seq2[keys.Key, error]) error {
	_, err := do(ctx, s, func() (row int, _ error) {
		if _, known := s.Batches[b.ID]; known {
			return 0, adminstore.ErrBatch
		}
		imported := map[keys.Code]keys.Key{}
		for key, err := range all {
			if row++; err != nil {
				return 0, err
			}
			if s.state.Keys[key.Code].Exists() || imported[key.Code].Exists() {
				return 0, adminstore.RowError{Row: row, Err: adminstore.ErrExists}
			}
			key.Version, key.Task, key.NextTaskAt, key.FailedLogins = 1, "", time.Time{}, 0
			imported[key.Code] = key
		}
		s.Batches[b.ID] = slices.Sorted(maps.Keys(imported))
		for code := range imported {
			s.state.History[code] = append(s.state.History[code], b.Event(now(), code))
		}
		maps.Copy(s.state.Keys, imported)
		return row, nil
	})
	return err
}

func (s *store) Batch(ctx context.Context, id string) ([]keys.Key, error) {
	return do(ctx, s, func() ([]keys.Key, error) { return mapSlice(s.Batches[id], s.key), nil })
}

func (s *store) EditPlans(ctx context.Context, edits []stock.PlanEdit) error {
	_, err := do(ctx, s, func() (int, error) {
		plans := slices.Clone(s.state.Plans)
		for i, e := range edits {
			at := slices.IndexFunc(plans, func(p stock.Plan) bool { return p.ID == e.ID })
			if at < 0 {
				at, plans = len(plans), append(plans, stock.Plan{})
			}
			p, err := e.Apply(plans[at])
			if err != nil {
				return 0, adminstore.RowError{Row: i + 1, Err: err}
			}
			p.Seq = int64(at + 1)
			plans[at] = p
		}
		s.state.Plans = plans
		return len(edits), nil
	})
	return err
}

func (s *store) Keys(ctx context.Context, f adminstore.KeyFilter, p adminstore.Page) (adminstore.List, error) {
	return do(ctx, s, func() (adminstore.List, error) {
		all := slices.DeleteFunc(s.allKeys(), func(v tasks.Snapshot) bool { return !f.Match(v) })
		return adminstore.Cut(all, func(v tasks.Snapshot) adminstore.Position { return f.Position(p.Order, v) }, p), nil
	})
}

func (s *state) allKeys() []tasks.Snapshot {
	return mapSlice(slices.Collect(maps.Keys(s.Keys)), s.keySnapshot)
}

func (s *state) allTasks() []tasks.Snapshot {
	return mapSlice(slices.Collect(maps.Keys(s.Tasks)), s.taskSnapshot)
}

func (s *store) Search(ctx context.Context, q adminstore.Search) (adminstore.Found, error) {
	return do(ctx, s, func() (adminstore.Found, error) {
		return q.In(s.allKeys(), s.allTasks(), s.state.Plans), nil
	})
}

func (s *store) Plans(ctx context.Context, after int64, n int) ([]stock.Plan, error) {
	return do(ctx, s, func() ([]stock.Plan, error) {
		all := slices.DeleteFunc(slices.Clone(s.state.Plans), func(p stock.Plan) bool { return p.Seq <= after })
		return all[:min(n, len(all))], nil
	})
}

func (s *store) PlansByID(ctx context.Context, ids []string) ([]stock.Plan, error) {
	return do(ctx, s, func() ([]stock.Plan, error) {
		return slices.DeleteFunc(slices.Clone(s.state.Plans), func(p stock.Plan) bool { return !slices.Contains(ids, p.ID) }), nil
	})
}

func (s *store) Tasks(ctx context.Context, f adminstore.TaskFilter, p adminstore.Page) (adminstore.List, error) {
	return do(ctx, s, func() (adminstore.List, error) {
		all := slices.DeleteFunc(s.allTasks(), func(v tasks.Snapshot) bool { return !f.Match(*v.Task) })
		return adminstore.Cut(all, f.Position, p), nil
	})
}

func (s *store) Task(ctx context.Context, id string) (tasks.Snapshot, error) {
	return do(ctx, s, func() (tasks.Snapshot, error) { return s.taskSnapshot(id), nil })
}

func (s *store) History(ctx context.Context, code keys.Code) ([]tasks.Event, error) {
	return do(ctx, s, func() ([]tasks.Event, error) { return slices.Clone(s.state.History[code]), nil })
}

func (s *store) QueueStats(ctx context.Context) (stats.Queue, error) {
	return do(ctx, s, func() (q stats.Queue, _ error) {
		for _, t := range s.state.Tasks {
			q = q.Add(t, now())
		}
		return q, nil
	})
}
