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
	var snapshots []tasks.Snapshot
	for _, t := range s.due(n, ttl) {
		if !t.LeasedUntil.IsZero() {
			t.LostLeases++
		}
		t.Fence++
		t.LeasedUntil = s.now().Add(ttl)
		s.tasks[t.ID] = t
		snapshots = append(snapshots, s.snapshot(s.keys[t.Code], t.ID))
	}
	return snapshots, nil
}

// due returns up to n open tasks to lease, the longest due first. Times more than 2×ttl in the future come from
// a clock that was set back later. A lease with such a time counts as expired, and a task with one as due.
func (s *Store) due(n int, ttl time.Duration) []tasks.Task {
	now := s.now()
	latest := now.Add(2 * ttl) // no later time comes from this clock
	var due []tasks.Task
	for _, t := range s.tasks {
		if t.Open() && (!t.LeasableAt().After(now) || t.LeasedUntil.After(latest) || t.LeasedUntil.IsZero() && s.lastDecided(t).After(latest)) {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, func(x, y tasks.Task) int { return x.LeasableAt().Compare(y.LeasableAt()) })
	return due[:min(n, len(due))]
}

// lastDecided returns the time of the newest event of a task, by the clock of that time.
func (s *Store) lastDecided(t tasks.Task) (at time.Time) {
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
			t.LeasedUntil = s.now().Add(ttl)
		}
		s.tasks[t.ID] = t
	}
	return errs, nil
}
