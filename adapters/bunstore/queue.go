package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
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
		return q, at.wrap("queue", err)
	}
	err = at.runOnce(ctx, `
		SELECT @now, count(*) FILTER (WHERE `+isDue+`), count(*) FILTER (WHERE `+isLeased+`), count(*) FILTER (WHERE `+isWaiting+`),
			min(coalesce(leased_until, due)), min(created_at)
		FROM keyseat_tasks WHERE ended_at IS NULL`, nil, func(r query.Row) error {
		var now, since, created time.Time
		err := r.Scan([]query.Column{query.Time(&now), query.Int(&q.Due), query.Int(&q.Leased), query.Int(&q.Waiting), query.Time(&since), query.Time(&created)})
		if q.Due > 0 {
			q.Late = now.Sub(since)
		}
		if !created.IsZero() {
			q.Age = max(0, now.Sub(created))
		}
		return err
	})
	return q, s.wrap("queue", err)
}
