package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/tasks"
)

// ConnectorStats is how long the askings of the connector took that had the same kind and effect, since the
// daemon began.
type ConnectorStats struct {
	Kind    tasks.Kind
	Effect  string // settled, refused, pending, none or unknown, as in keyseat_connector_duration_seconds
	Count   uint64
	Took    time.Duration // all together
	Buckets []Bucket      // from the shortest to the longest
}

// A Bucket is how many took no longer than that, those of the shorter ones among them.
type Bucket struct {
	Most  time.Duration
	Count uint64
}

// ConnectorStats tells how the connector answered this daemon so far. What was never seen is left out.
func (m *Recorder) ConnectorStats() []ConnectorStats {
	alone := prometheus.NewRegistry() // because the meter's own would ask the database too
	if alone.Register(m.provider.seconds) != nil {
		return nil
	}
	families, err := alone.Gather()
	if err != nil {
		return nil
	}
	var all []ConnectorStats
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			h := metric.GetHistogram()
			a := ConnectorStats{Count: h.GetSampleCount(), Took: span(h.GetSampleSum())}
			for _, label := range metric.GetLabel() {
				switch label.GetName() {
				case "kind":
					a.Kind = tasks.Kind(label.GetValue())
				case "effect":
					a.Effect = label.GetValue()
				}
			}
			for _, b := range h.GetBucket() {
				a.Buckets = append(a.Buckets, Bucket{span(b.GetUpperBound()), b.GetCumulativeCount()})
			}
			if a.Count > 0 {
				all = append(all, a)
			}
		}
	}
	return all
}

func span(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}

// Quantile is a time that such a share of them did not exceed, 0.95 for all but one in twenty: the bound
// of a bucket, or 0 if it is above all of them.
func (a ConnectorStats) Quantile(share float64) time.Duration {
	for _, b := range a.Buckets {
		if float64(b.Count) >= share*float64(a.Count) {
			return b.Most
		}
	}
	return 0
}
