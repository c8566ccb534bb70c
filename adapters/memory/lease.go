package memory

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// Lease implements [tasks.Store].
func (s *Store) Lease(ctx context.Context, _ string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var views []tasks.Snapshot
	for _, t := range s.due(n, ttl) {
		if !t.LeasedUntil.IsZero() {
			t.LostLeases++
		}
		t.Fence++
		t.LeasedUntil = s.clock().Add(ttl)
		s.tasks[t.ID] = t
		views = append(views, s.view(s.keys[t.Code], t.ID))
	}
	return views, nil
}

// due finds up to n open tasks to lease, the longest due first.
func (s *Store) due(n int, ttl time.Duration) []tasks.Task {
	now := s.clock()
	ahead := now.Add(2 * ttl) // nothing that this clock has set lies past it
	var due []tasks.Task
	for _, t := range s.tasks {
		if t.Open() && (!t.LeasableAt().After(now) || t.LeasedUntil.After(ahead) || t.LeasedUntil.IsZero() && s.decided(t).After(ahead)) {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, func(x, y tasks.Task) int { return x.LeasableAt().Compare(y.LeasableAt()) })
	return due[:min(n, len(due))]
}

// decided is when a task was decided on last, by the clock of then.
func (s *Store) decided(t tasks.Task) (at time.Time) {
	for _, e := range s.history[t.Code] {
		if e.Task == t.ID {
			at = e.At
		}
	}
	return at
}

// Extend implements [tasks.Store].
func (s *Store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, len(refs))
	for i, ref := range refs {
		t, found := s.tasks[ref.ID]
		if !found || t.Ref() != ref || !t.Open() || t.LeasedUntil.IsZero() {
			errs[i] = tasks.ErrFenced
			continue
		}
		t.LeasedUntil = time.Time{}
		if ttl > 0 {
			t.LeasedUntil = s.clock().Add(ttl)
		}
		s.tasks[t.ID] = t
	}
	return errs, nil
}
