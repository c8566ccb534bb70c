package bunstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// BenchmarkTask takes tasks from a request to their end, in batches, among many keys.
func BenchmarkTask(b *testing.B) {
	for name, url := range databases {
		for _, size := range []int{1, 64} {
			b.Run(fmt.Sprint(name, "/", size), func(b *testing.B) {
				s := open(b, url(b), bunstore.Options{})
				fill(b, s, 50_000)
				for b.Loop() {
					accepted := upgrades(b, s, size)
					apply(b, s, accepted...)
					views, err := s.Lease(b.Context(), "w", size, time.Minute)
					if err != nil || len(views) != size {
						b.Fatal(len(views), err)
					}
					var ends []tasks.Change
					for _, v := range views {
						ends = append(ends, tasks.DefaultRules().Settle(v, tasks.Asking{
							Sent: v.At, Answer: tasks.Answer{Effect: tasks.Refused},
						}, id(), false))
						ends[len(ends)-1].Key.Limit = time.Time{} // so that the same keys can be used again
					}
					apply(b, s, ends...)
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "tasks/s")
			})
		}
	}
}
