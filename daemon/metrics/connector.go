package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/tasks"
)

// connectorMetrics are the metrics of the connector.
type connectorMetrics struct {
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newConnectorMetrics() connectorMetrics {
	m := connectorMetrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "keyseat_connector_duration_seconds",
			Help:    "Time of an attempt of the connector, by what is known of its effect: settled or refused (done), pending (at work), none or unknown (failed).",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14), // 10 ms to 82 s
		}, []string{"kind", "effect"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyseat_connector_in_flight", Help: "Attempts in flight.",
		}),
	}
	for _, kind := range tasks.Kinds() {
		for effect := tasks.Unknown; effect <= tasks.Settled; effect++ {
			m.seconds.WithLabelValues(string(kind), effect.String())
		}
	}
	return m
}

// Connector returns a connector that calls inner and measures each call.
func (m *Recorder) Connector(inner tasks.Connector) tasks.Connector {
	return measuredConnector{inner, m.connector}
}

type measuredConnector struct {
	inner tasks.Connector
	connectorMetrics
}

// Do implements [tasks.Connector]. A call that panics is counted with an unknown effect.
func (c measuredConnector) Do(ctx context.Context, o tasks.ConnectorRequest) (result tasks.ConnectorResult) {
	start := time.Now()
	c.inFlight.Inc()
	defer func() {
		c.inFlight.Dec()
		c.seconds.WithLabelValues(string(o.Kind), result.Effect.String()).Observe(time.Since(start).Seconds())
	}()
	return c.inner.Do(ctx, o)
}

// ConnectorStats contains the durations of the connector calls with the same kind and effect, since the
// daemon started.
type ConnectorStats struct {
	Kind    tasks.Kind
	Effect  string // settled, refused, pending, none or unknown, as in keyseat_connector_duration_seconds
	Count   uint64
	Total   time.Duration // the sum of all durations
	Buckets []Bucket      // ordered by UpperBound
}

// A Bucket counts the calls that took up to UpperBound. The count includes the calls of all smaller buckets.
type Bucket struct {
	UpperBound time.Duration
	Count      uint64
}

// ConnectorStats returns the connector statistics of this daemon. It leaves out a kind and effect without
// any call.
func (m *Recorder) ConnectorStats() []ConnectorStats {
	registry := prometheus.NewRegistry() // because a gather of m.registry would also query the database
	if registry.Register(m.connector.seconds) != nil {
		return nil
	}
	families, err := registry.Gather()
	if err != nil {
		return nil
	}
	var all []ConnectorStats
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			h := metric.GetHistogram()
			s := ConnectorStats{Count: h.GetSampleCount(), Total: toDuration(h.GetSampleSum())}
			for _, label := range metric.GetLabel() {
				switch label.GetName() {
				case "kind":
					s.Kind = tasks.Kind(label.GetValue())
				case "effect":
					s.Effect = label.GetValue()
				}
			}
			for _, b := range h.GetBucket() {
				s.Buckets = append(s.Buckets, Bucket{toDuration(b.GetUpperBound()), b.GetCumulativeCount()})
			}
			if s.Count > 0 {
				all = append(all, s)
			}
		}
	}
	return all
}

func toDuration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}

// Quantile returns the smallest bucket bound that the given share of the calls did not exceed. For example,
// 0.95 means 19 of 20 calls. It returns 0 if the quantile is above all bounds.
func (s ConnectorStats) Quantile(share float64) time.Duration {
	for _, b := range s.Buckets {
		if float64(b.Count) >= share*float64(s.Count) {
			return b.UpperBound
		}
	}
	return 0
}
