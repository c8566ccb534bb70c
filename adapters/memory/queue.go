package memory

import (
	"context"

	"github.com/keyseat/keyseat/tasks"
)

// Queue implements [tasks.Office].
func (s *Store) Queue(context.Context) (q tasks.Queue, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for _, t := range s.tasks {
		q = q.Plus(t, now)
	}
	return q, nil
}
