package memory

import (
	"context"

	"github.com/keyseat/keyseat/tasks"
)

// QueueStats implements [tasks.AdminStore].
func (s *Store) QueueStats(context.Context) (q tasks.QueueStats, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for _, t := range s.tasks {
		q = q.Add(t, now)
	}
	return q, nil
}
