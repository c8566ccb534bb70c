package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks/stats"
)

var _ stats.TaskStats = (*Store)(nil)

// CountByHour implements [stats.TaskStats]. It uses the index on the time at which tasks were accepted. The
// hours are passed as rows, because PostgreSQL and SQLite compute the hour of a time differently.
func (s *Store) CountByHour(ctx context.Context, from time.Time, n int) (all []stats.HourCount, err error) {
	hours := query.Rows{Columns: "n bigint, first timestamptz, after timestamptz"}
	for i := range min(n, stats.MaxHours) {
		first := from.UTC().Add(time.Duration(i) * time.Hour)
		hours.Add(int64(i), first, first.Add(time.Hour))
	}
	if len(hours.Values) == 0 {
		return nil, nil
	}
	err = s.reader().runOnce(ctx, `
		WITH @hour
		SELECT hour.n, t.kind, t.outcome, count(*) FROM hour
		JOIN keyseat_tasks t ON t.created_at >= hour.first AND t.created_at < hour.after
		GROUP BY hour.n, t.kind, t.outcome ORDER BY hour.n, t.kind, t.outcome`, query.Args{"hour": hours}, func(r query.Row) error {
		var c stats.HourCount
		err := r.Scan([]query.Column{query.Int(&c.Hour), query.Text(&c.Kind), query.Text(&c.Outcome), query.Int(&c.Tasks)})
		all = append(all, c)
		return err
	})
	return all, s.wrap("count by hour", err)
}
