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
	_, err := do(ctx, s, func(st *state) (row int, _ error) {
		if _, known := st.Batches[b.ID]; known {
			return 0, adminstore.ErrBatch
		}
		st.Batches[b.ID] = []keys.Code{}
		for key, err := range all {
			if row++; err != nil {
				return 0, err
			} else if st.Keys[key.Code].Exists() {
				return 0, adminstore.RowError{Row: row, Err: adminstore.ErrExists}
			}
			key.Version, key.Task, key.NextTaskAt, key.FailedLogins = 1, "", time.Time{}, 0
			st.Keys[key.Code] = key
			st.Batches[b.ID] = append(st.Batches[b.ID], key.Code)
			st.History[key.Code] = append(st.History[key.Code], b.Event(now(), key.Code))
		}
		slices.Sort(st.Batches[b.ID])
		return row, nil
	})
	return err
}

func (s *store) Batch(ctx context.Context, id string) ([]keys.Key, error) {
	return do(ctx, s, func(st *state) ([]keys.Key, error) {
		return mapSlice(st.Batches[id], func(code keys.Code) keys.Key { return st.Keys[code] }), nil
	})
}

func (s *store) EditPlans(ctx context.Context, edits []stock.PlanEdit) error {
	_, err := do(ctx, s, func(st *state) (row int, _ error) {
		for _, e := range edits {
			row++
			at := slices.IndexFunc(st.Plans, func(p stock.Plan) bool { return p.ID == e.ID })
			if at < 0 {
				at, st.Plans = len(st.Plans), append(st.Plans, stock.Plan{})
			}
			p, err := e.Apply(st.Plans[at])
			if err != nil {
				return 0, adminstore.RowError{Row: row, Err: err}
			}
			p.Seq = int64(at + 1)
			st.Plans[at] = p
		}
		return row, nil
	})
	return err
}

func (s *store) Keys(ctx context.Context, f adminstore.KeyFilter, p adminstore.Page) (adminstore.List, error) {
	return do(ctx, s, func(st *state) (adminstore.List, error) {
		all := slices.DeleteFunc(st.allKeys(), func(v tasks.Snapshot) bool { return !f.Match(v) })
		return adminstore.Cut(all, func(v tasks.Snapshot) adminstore.Position { return f.Position(p.Order, v) }, p), nil
	})
}

func (st *state) allKeys() []tasks.Snapshot {
	return mapSlice(slices.Collect(maps.Keys(st.Keys)), st.keySnapshot)
}

func (st *state) allTasks() []tasks.Snapshot {
	return mapSlice(slices.Collect(maps.Keys(st.Tasks)), st.taskSnapshot)
}

func (s *store) Search(ctx context.Context, q adminstore.Search) (adminstore.Found, error) {
	return do(ctx, s, func(st *state) (adminstore.Found, error) { return q.In(st.allKeys(), st.allTasks(), st.Plans), nil })
}

func (s *store) Plans(ctx context.Context, after int64, n int) ([]stock.Plan, error) {
	return do(ctx, s, func(st *state) ([]stock.Plan, error) {
		all := slices.DeleteFunc(slices.Clone(st.Plans), func(p stock.Plan) bool { return p.Seq <= after })
		return all[:min(n, len(all))], nil
	})
}

func (s *store) Tasks(ctx context.Context, f adminstore.TaskFilter, p adminstore.Page) (adminstore.List, error) {
	return do(ctx, s, func(st *state) (adminstore.List, error) {
		all := slices.DeleteFunc(st.allTasks(), func(v tasks.Snapshot) bool { return !f.Match(*v.Task) })
		return adminstore.Cut(all, f.Position, p), nil
	})
}

func (s *store) Task(ctx context.Context, id string) (tasks.Snapshot, error) {
	return do(ctx, s, func(st *state) (tasks.Snapshot, error) { return st.taskSnapshot(id), nil })
}

func (s *store) History(ctx context.Context, code keys.Code) ([]tasks.Event, error) {
	return do(ctx, s, func(st *state) ([]tasks.Event, error) { return st.History[code], nil })
}

func (s *store) QueueStats(ctx context.Context) (stats.Queue, error) {
	return do(ctx, s, func(st *state) (q stats.Queue, _ error) {
		for _, t := range st.Tasks {
			q = q.Add(t, now())
		}
		return q, nil
	})
}
