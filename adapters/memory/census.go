package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

var _ tasks.Census = (*Store)(nil)

// Cohorts implements [tasks.Census].
func (s *Store) Cohorts(_ context.Context, from time.Time, n int) ([]tasks.Cohort, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := map[tasks.Cohort]int{}
	for _, t := range s.tasks {
		hour := int(t.Created.Sub(from) / time.Hour)
		if !t.Created.Before(from) && hour < min(n, tasks.MaxHours) {
			sums[tasks.Cohort{Hour: hour, Kind: t.Kind, Outcome: t.Outcome}]++
		}
	}
	all := make([]tasks.Cohort, 0, len(sums))
	for c, sum := range sums {
		c.Tasks = sum
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y tasks.Cohort) int {
		return cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Outcome, y.Outcome))
	})
	return all, nil
}
