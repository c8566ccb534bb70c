package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/tasks"
)

// The type provider holds the metrics of the connector.
type provider struct {
	seconds *prometheus.HistogramVec
	asking  prometheus.Gauge
}

// word returns the label value of an effect.
func word(e tasks.Effect) string {
	switch e {
	case tasks.Unknown:
		return "unknown"
	case tasks.None:
		return "none"
	case tasks.Pending:
		return "pending"
	case tasks.Refused:
		return "refused"
	case tasks.Settled:
		return "settled"
	}
	return "unknown"
}

func newProvider() provider {
	p := provider{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "keyseat_connector_duration_seconds",
			Help:    "Time of an attempt of the connector, by what is known of its effect: settled or refused (done), pending (at work), none or unknown (failed).",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14), // 10 ms to 82 s
		}, []string{"kind", "effect"}),
		asking: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyseat_connector_in_flight", Help: "Attempts in flight.",
		}),
	}
	for _, kind := range tasks.Kinds() {
		for effect := tasks.Unknown; effect <= tasks.Settled; effect++ {
			p.seconds.WithLabelValues(string(kind), word(effect))
		}
	}
	return p
}

// Connector returns a connector that calls inner and measures each call.
func (m *Recorder) Connector(inner tasks.Connector) tasks.Connector {
	return connector{inner, m.provider}
}

type connector struct {
	inner tasks.Connector
	provider
}

// Do implements [tasks.Connector]. A call that panics is counted with an unknown effect.
func (c connector) Do(ctx context.Context, o tasks.ConnectorRequest) (answer tasks.ConnectorResult) {
	start := time.Now()
	c.asking.Inc()
	defer func() {
		c.asking.Dec()
		c.seconds.WithLabelValues(string(o.Kind), word(answer.Effect)).Observe(time.Since(start).Seconds())
	}()
	return c.inner.Do(ctx, o)
}
