package memory

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// ImportKeys implements [tasks.AdminStore].
func (s *Store) ImportKeys(_ context.Context, b tasks.ImportBatch, all iter.Seq2[keys.Key, error]) error {
	fresh := map[keys.Code]keys.Key{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.batches[b.ID]; known {
		return tasks.ErrBatch
	}
	row := 0
	for key, err := range all {
		row++
		if err != nil {
			return err
		}
		if _, twice := fresh[key.Code]; twice || s.keys[key.Code].Exists() {
			return tasks.RowError{Row: row, Err: tasks.ErrExists}
		}
		key.Version = 1
		fresh[key.Code] = key
	}
	s.batches[b.ID] = slices.Sorted(maps.Keys(fresh))
	for code, key := range fresh {
		s.keys[code] = key
		event := b.Event(s.clock(), code)
		s.history[code] = append(s.history[code], event)
		s.outbox.write(b.ID, event.At, event)
	}
	return nil
}

// Batch implements [tasks.AdminStore].
func (s *Store) Batch(_ context.Context, id string) ([]keys.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []keys.Key
	for _, code := range s.batches[id] {
		all = append(all, s.keys[code])
	}
	return all, nil
}

// EditPlans implements [tasks.AdminStore].
func (s *Store) EditPlans(_ context.Context, edits []stock.PlanEdit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	plans, seq := maps.Clone(s.plans), s.seq
	for i, e := range edits {
		p, err := e.Apply(plans[e.ID])
		if err != nil {
			return tasks.RowError{Row: i + 1, Err: err}
		}
		if p.Seq == 0 {
			seq++
			p.Seq = seq
		}
		plans[p.ID] = p
	}
	s.plans, s.seq = plans, seq
	return nil
}

// Keys implements [tasks.AdminStore].
func (s *Store) Keys(_ context.Context, after keys.Code, n int) ([]tasks.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var views []tasks.Snapshot
	for _, code := range slices.Sorted(maps.Keys(s.keys)) {
		if code > after && len(views) < n {
			views = append(views, s.view(s.keys[code], s.keys[code].Task))
		}
	}
	return views, nil
}

// Plans implements [tasks.AdminStore].
func (s *Store) Plans(_ context.Context, after int64, n int) ([]stock.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var page []stock.Plan
	for _, p := range s.inOrder() {
		if p.Seq > after && len(page) < n {
			page = append(page, p)
		}
	}
	return page, nil
}

// Tasks implements [tasks.AdminStore].
func (s *Store) Tasks(_ context.Context, filter tasks.TaskFilter, after tasks.Task, n int) ([]tasks.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var views []tasks.Snapshot
	for _, t := range slices.SortedFunc(maps.Values(s.tasks), older) {
		if older(t, after) > 0 && filter.Match(t) && len(views) < n {
			views = append(views, s.view(s.keys[t.Code], t.ID))
		}
	}
	return views, nil
}

func older(x, y tasks.Task) int {
	return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
}

// Task implements [tasks.AdminStore].
func (s *Store) Task(_ context.Context, id string) (tasks.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view(s.keys[s.tasks[id].Code], id), nil
}

// History implements [tasks.AdminStore].
func (s *Store) History(_ context.Context, code keys.Code) ([]tasks.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history[code]), nil
}
