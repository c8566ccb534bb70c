package bunstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

var _ stats.TaskStats = (*Store)(nil)

// CountByHour implements [stats.TaskStats]. It counts the tasks in the ranges of [taskListing], which do not overlap.
// Without a filter it uses one range. This range lists all outcomes, because the index begins with the outcome.
func (s *Store) CountByHour(ctx context.Context, from time.Time, n int, f stats.Filter) (counts []stats.HourCount, err error) {
	end := from.Add(time.Duration(max(0, min(n, stats.MaxHours))) * time.Hour)
	l := taskListing(adminstore.TaskFilter{Country: f.Country, Plan: f.Plan})
	if f == (stats.Filter{}) {
		l.ranges = []string{oneOf("t.outcome", outcomesOf(adminstore.TaskFilter{}))}
	}
	l.args["since"], l.args["until"] = from, end
	hour := s.either("CAST(floor(extract(epoch FROM t.created_at - @since) / 3600) AS bigint)", "(t.created_at - @since) / 3600000000")
	var parts []string
	for _, r := range l.ranges {
		parts = append(parts, fmt.Sprintf(`SELECT %s AS hour, t.kind AS kind, t.outcome AS outcome, count(*) AS tasks FROM keyseat_tasks t
			%s AND t.created_at >= @since AND t.created_at < @until GROUP BY 1, 2, 3`, hour, where(append([]string{r}, l.own...))))
	}
	err = s.readOrdered(ctx, func(run query.Runner) error {
		counts = nil
		return run(ctx, query.Query{
			SQL: strings.Join(parts, " UNION ALL ") + " ORDER BY 1, 2, 3", Args: l.args, Rare: true, Scan: query.Append(&counts),
		})
	})
	return counts, s.wrap("count by hour", err)
}

// CountSold implements [stats.TaskStats]. For each country an index has the newest tasks that succeeded.
func (s *Store) CountSold(ctx context.Context, countries []stock.Country, since time.Time, n int) (all []stats.Sold, err error) {
	if len(countries) == 0 {
		return nil, nil
	}
	var parts []string
	args := query.Args{"since": since}
	for i, country := range countries {
		name := fmt.Sprintf("country%d", i)
		args[name] = string(country)
		parts = append(parts, fmt.Sprintf(`SELECT %d AS place, count(*) AS tasks, count(*) FILTER (WHERE done.kind = 'upgrade') AS slots, min(done.created_at) AS oldest
			FROM (SELECT t.kind, t.created_at FROM keyseat_tasks t WHERE t.country = @%s AND t.outcome = 'success' AND t.outcome <> ''
				AND t.created_at >= @since ORDER BY t.created_at DESC, t.id DESC LIMIT %d) AS done`, i, name, n))
	}
	type row struct {
		Place, Examined, Slots int // Place is the index of the country
		Oldest                 time.Time
	}
	var counts []row
	err = s.readOrdered(ctx, func(run query.Runner) error {
		counts = nil
		return run(ctx, query.Query{
			SQL: strings.Join(parts, " UNION ALL ") + " ORDER BY 1", Args: args, Rare: true, Scan: query.Append(&counts),
		})
	})
	for _, c := range counts {
		if c.Examined < n {
			c.Oldest = since
		}
		all = append(all, stats.Sold{Country: countries[c.Place], Slots: c.Slots, Since: c.Oldest})
	}
	return all, s.wrap("count sold slots", err)
}

// A queueModel has totals of the open tasks. [stats.Queue.Add] classifies a single task in the same way.
type queueModel struct {
	bun.BaseModel `bun:"table:keyseat_tasks,alias:t"`

	Due     int       `bun:"due_tasks,scanonly"`
	Leased  int       `bun:"leased,scanonly"`
	Waiting int       `bun:"waiting,scanonly"`
	DueAt   time.Time `bun:"due_at,scanonly"`  // when the first task became or becomes due
	Created time.Time `bun:"created,scanonly"` // when the oldest task was accepted

	Unattempted int `bun:"unattempted,scanonly"`
	Attempted   int `bun:"attempted,scanonly"`
}

// QueueStats implements [adminstore.AdminStore]. It uses the index on open tasks.
func (s *Store) QueueStats(ctx context.Context) (stats stats.Queue, err error) {
	at, err := readTime(ctx, s.reader().runCached)
	var row queueModel
	q := s.reader().selectInto(&row)
	now := q.Bind(at)
	err = q.Err(err).ColumnExpr("count(*) FILTER (WHERE coalesce(t.leased_until, t.due) <= ?) AS due_tasks", now).
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
		stats.Late = at.Sub(row.DueAt)
	}
	if !row.Created.IsZero() {
		stats.Age = max(0, at.Sub(row.Created))
	}
	return stats, nil
}
