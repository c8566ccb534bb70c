package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

var _ stats.TaskStats = (*Store)(nil)

// CountByHour implements [stats.TaskStats]. It uses the index on the time at which tasks were accepted. The
// hours are passed as rows, because PostgreSQL and SQLite compute the hour of a time differently.
func (s *Store) CountByHour(ctx context.Context, from time.Time, n int) (all []stats.HourCount, err error) {
	hours := batch{columns: "n bigint, first timestamptz, after timestamptz"}
	for i := range min(n, stats.MaxHours) {
		first := from.UTC().Add(time.Duration(i) * time.Hour)
		hours.add(int64(i), first, first.Add(time.Hour))
	}
	if len(hours.rows) == 0 {
		return nil, nil
	}
	err = s.reader().query(ctx, `
		WITH @hour
		SELECT hour.n, t.kind, t.outcome, count(*) FROM hour
		JOIN keyseat_tasks t ON t.created_at >= hour.first AND t.created_at < hour.after
		GROUP BY hour.n, t.kind, t.outcome ORDER BY hour.n, t.kind, t.outcome`, args{"hour": hours}, func(r row) error {
		var c stats.HourCount
		err := r.scan([]field{whole[int]{&c.Hour}, text[tasks.Kind]{&c.Kind}, text[tasks.Outcome]{&c.Outcome}, whole[int]{&c.Tasks}})
		all = append(all, c)
		return err
	})
	return all, s.reader().tell("count by hour", err)
}
