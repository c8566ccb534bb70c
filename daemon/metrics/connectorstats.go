package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/tasks"
)

// ConnectorStats contains the durations of the connector calls with the same kind and effect, since the
// daemon started.
type ConnectorStats struct {
	Kind    tasks.Kind
	Effect  string // settled, refused, pending, none or unknown, as in keyseat_connector_duration_seconds
	Count   uint64
	Took    time.Duration // the sum of all durations
	Buckets []Bucket      // ordered by Most
}

// A Bucket counts the calls that took up to Most. The count includes the calls of all smaller buckets.
type Bucket struct {
	Most  time.Duration
	Count uint64
}

// ConnectorStats returns the connector statistics of this daemon. It leaves out a kind and effect without
// any call.
func (m *Recorder) ConnectorStats() []ConnectorStats {
	alone := prometheus.NewRegistry() // because a gather of m.registry would also query the database
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

// Quantile returns the smallest bucket bound that the given share of the calls did not exceed. For example,
// 0.95 means 19 of 20 calls. It returns 0 if the quantile is above all bounds.
func (a ConnectorStats) Quantile(share float64) time.Duration {
	for _, b := range a.Buckets {
		if float64(b.Count) >= share*float64(a.Count) {
			return b.Most
		}
	}
	return 0
}
