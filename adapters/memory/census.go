package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

var _ tasks.TaskStats = (*Store)(nil)

// CountByHour implements [tasks.TaskStats].
func (s *Store) CountByHour(_ context.Context, from time.Time, n int) ([]tasks.HourCount, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := map[tasks.HourCount]int{}
	for _, t := range s.tasks {
		hour := int(t.CreatedAt.Sub(from) / time.Hour)
		if !t.CreatedAt.Before(from) && hour < min(n, tasks.MaxHours) {
			sums[tasks.HourCount{Hour: hour, Kind: t.Kind, Outcome: t.Outcome}]++
		}
	}
	all := make([]tasks.HourCount, 0, len(sums))
	for c, sum := range sums {
		c.Tasks = sum
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y tasks.HourCount) int {
		return cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Outcome, y.Outcome))
	})
	return all, nil
}
