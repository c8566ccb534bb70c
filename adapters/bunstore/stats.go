package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

var _ stats.TaskStats = (*Store)(nil)

type hourModel struct {
	bun.BaseModel `bun:"table:keyseat_tasks,alias:t"`
	hourColumns
}

type hourColumns struct {
	Hour    int           `bun:"hour,scanonly"`
	Kind    tasks.Kind    `bun:"kind"`
	Outcome tasks.Outcome `bun:"outcome"`
	Tasks   int           `bun:"tasks,scanonly"`
}

// CountByHour implements [stats.TaskStats]. It names all outcomes, because the index on the time
// begins with them.
func (s *Store) CountByHour(ctx context.Context, from time.Time, n int) ([]stats.HourCount, error) {
	var rows []hourModel
	q := s.reader().selectInto(&rows)
	first := q.Bind(from)
	q.ColumnExpr(s.either(
		"CAST(floor(extract(epoch FROM t.created_at - ?) / 3600) AS bigint) AS hour",
		"(t.created_at - ?) / 3600000000 AS hour"), first)
	end := from.Add(time.Duration(max(0, min(n, stats.MaxHours))) * time.Hour)
	err := q.ColumnExpr("t.kind, t.outcome, count(*) AS tasks").Where(outcomeCondition(outcomesOf(adminstore.TaskFilter{}))).
		Where("t.created_at >= ? AND t.created_at < ?", first, q.Bind(end)).
		GroupExpr("1, t.kind, t.outcome").OrderExpr("1, t.kind, t.outcome").Scan(ctx)
	return mapped(rows, func(h hourModel) stats.HourCount { return stats.HourCount(h.hourColumns) }), s.wrap("count by hour", err)
}

// A queueModel has totals of the open tasks. [stats.Queue.Add] classifies a single task in the same way.
type queueModel struct {
	bun.BaseModel `bun:"table:keyseat_tasks,alias:t"`

	At      time.Time `bun:"at,scanonly"`
	Due     int       `bun:"due_tasks,scanonly"`
	Leased  int       `bun:"leased,scanonly"`
	Waiting int       `bun:"waiting,scanonly"`
	DueAt   time.Time `bun:"due_at,scanonly"`  // of the task that is due first
	Created time.Time `bun:"created,scanonly"` // of the oldest task

	Unattempted int `bun:"unattempted,scanonly"`
	Attempted   int `bun:"attempted,scanonly"`
}

// QueueStats implements [adminstore.AdminStore]. It uses the index on open tasks.
func (s *Store) QueueStats(ctx context.Context) (stats stats.Queue, err error) {
	at, err := s.reader().timed(ctx)
	var row queueModel
	q := at.selectInto(&row)
	now := q.Now()
	err = q.Err(err).ColumnExpr("? AS at", now).
		ColumnExpr("count(*) FILTER (WHERE coalesce(t.leased_until, t.due) <= ?) AS due_tasks", now).
		ColumnExpr("count(*) FILTER (WHERE t.leased_until > ?) AS leased", now).
		ColumnExpr("count(*) FILTER (WHERE t.leased_until IS NULL AND t.due > ?) AS waiting", now).
		ColumnExpr("count(*) FILTER (WHERE " + openStates[adminstore.WaitingTask] + ") AS unattempted").
		ColumnExpr("count(*) FILTER (WHERE " + openStates[adminstore.RetryingTask] + ") AS attempted").
		ColumnExpr("min(coalesce(t.leased_until, t.due)) AS due_at, min(t.created_at) AS created").
		Where("t.ended_at IS NULL").Scan(ctx)
	if err != nil {
		return stats, s.wrap("queue", err)
	}
	stats.Due, stats.Leased, stats.Waiting = row.Due, row.Leased, row.Waiting
	stats.Unattempted, stats.Attempted = row.Unattempted, row.Attempted
	if row.Due > 0 {
		stats.Late = row.At.Sub(row.DueAt)
	}
	if !row.Created.IsZero() {
		stats.Age = max(0, row.At.Sub(row.Created))
	}
	return stats, nil
}
