package memory

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

var _ activity.Store = (*Store)(nil)

// RecordActivity implements [activity.Store].
func (s *Store) RecordActivity(_ context.Context, e activity.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.activity, func(known activity.Entry) bool { return known.ID == e.ID }) {
		e.At = s.now()
		s.activity = append(s.activity, e)
	}
	return nil
}

// Activity implements [activity.Store].
func (s *Store) Activity(_ context.Context, f activity.Filter, p adminstore.Page) (activity.List, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(s.activity), func(e activity.Entry) bool { return !f.Match(e) })
	return adminstore.Cut(all, f.Position, p), nil
}

// DeleteActivity implements [activity.Store].
func (s *Store) DeleteActivity(_ context.Context, before time.Time, n int) (deleted int, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.activity = slices.DeleteFunc(s.activity, func(e activity.Entry) bool {
		gone := deleted < n && e.At.Before(before)
		if gone {
			deleted++
		}
		return gone
	})
	return deleted, nil
}
