package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks/stats"
)

// The conditions that classify an open task, as [stats.Queue.Add] does.
const (
	isLeased  = `leased_until > @now`
	isWaiting = `leased_until IS NULL AND due > @now`
	isDue     = `coalesce(leased_until, due) <= @now`
)

// QueueStats implements [adminstore.AdminStore]. It uses the index on open tasks.
func (s *Store) QueueStats(ctx context.Context) (q stats.Queue, err error) {
	at, err := s.reader().timed(ctx)
	if err != nil {
		return q, at.tell("queue", err)
	}
	err = at.query(ctx, `
		SELECT @now, count(*) FILTER (WHERE `+isDue+`), count(*) FILTER (WHERE `+isLeased+`), count(*) FILTER (WHERE `+isWaiting+`),
			min(coalesce(leased_until, due)), min(created_at)
		FROM keyseat_tasks WHERE ended_at IS NULL`, nil, func(r row) error {
		var now, since, created time.Time
		err := r.scan([]field{moment{&now}, whole[int]{&q.Due}, whole[int]{&q.Leased}, whole[int]{&q.Waiting}, moment{&since}, moment{&created}})
		if q.Due > 0 {
			q.Late = now.Sub(since)
		}
		if !created.IsZero() {
			q.Age = max(0, now.Sub(created))
		}
		return err
	})
	return q, s.reader().tell("queue", err)
}
