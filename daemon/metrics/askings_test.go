package metrics_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/tasks"
)

// The connector slow answers a little later each time.
type slow struct{ took time.Duration }

func (s *slow) Do(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
	time.Sleep(s.took)
	s.took += 100 * time.Millisecond
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
}

func TestAskings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New("test")
		if all := m.ConnectorStats(); len(all) != 0 {
			t.Errorf("before the first: %+v", all)
		}
		c := m.Connector(&slow{})
		for range 11 { // 0 to 1 s
			c.Do(t.Context(), tasks.ConnectorRequest{Kind: tasks.Renew})
		}
		all := m.ConnectorStats()
		if len(all) != 1 || all[0].Kind != tasks.Renew || all[0].Effect != "settled" || all[0].Count != 11 || all[0].Took != 5500*time.Millisecond {
			t.Fatalf("%+v", all)
		}
		for share, want := range map[float64]time.Duration{0.01: 10 * time.Millisecond, 0.5: 640 * time.Millisecond, 0.95: 1280 * time.Millisecond} {
			if got := all[0].Quantile(share); got != want {
				t.Errorf("%g within %s, want %s", share, got, want)
			}
		}
		all[0].Buckets = all[0].Buckets[:3]
		if got := all[0].Quantile(0.95); got != 0 {
			t.Errorf("past the last bucket: %s", got)
		}
	})
}
