// Package metrics measures a daemon for Prometheus.
//
//	daemon.API  ─▶ ObserveRequest ────────────────┐
//	worker.Pool ─▶ ObserveReport ─────────────────┤
//	batchstore  ─▶ ObserveBatch ──────────────────┼─▶ Recorder ─▶ Handler ─▶ /metrics
//	Engine ─┬─▶ Store(…)     ─▶ the database ─────┤
//	        └─▶ Connector(…) ─▶ the provider ─────┤
//	Source: queue and stock, read at each scrape ─┘
//
// A [Recorder] measures from outside: it wraps the ports of the core, and its Observe methods are the Observe
// functions of the daemon. Therefore neither the core nor an adapter depends on this package.
//
// Every name begins with keyseat_, except the go_… and process_… metrics of the runtime and the go_sql_…
// metrics of the database pools.
//
// Every label has a closed set of values. No label contains a key, a login, a task or an address. A country
// label is the ISO code of a country that has a plan.
package metrics

import (
	"context"
	"database/sql"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/tasks"
)

// A Recorder holds the metrics of one daemon. Its methods are safe for concurrent use. Call [Recorder.WatchPool]
// once for each pool and [Recorder.Watch] once, because a second registration of the same metrics panics.
type Recorder struct {
	registry  *prometheus.Registry
	api       apiMetrics
	store     storeMetrics
	tasks     taskMetrics
	connector connectorMetrics
}

// New returns the metrics of the process and of a daemon of the given version.
func New(version string) *Recorder {
	m := &Recorder{
		registry:  prometheus.NewRegistry(),
		api:       newAPIMetrics(),
		store:     newStoreMetrics(),
		tasks:     newTaskMetrics(),
		connector: newConnectorMetrics(),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "keyseat_build_info", Help: "Always 1, with the version of the program.",
	}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.api.requests, m.api.seconds)
	m.registry.MustRegister(m.store.seconds, m.store.failed, m.store.sizes)
	m.registry.MustRegister(m.tasks.events, m.tasks.ended, m.tasks.expired, m.tasks.lost, m.tasks.limited)
	m.registry.MustRegister(m.connector.seconds, m.connector.inFlight)
	return m
}

// WatchPool exports the statistics of a pool of database connections as go_sql_… metrics with the name of the
// pool.
func (m *Recorder) WatchPool(name string, db *sql.DB) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(db, name))
}

// WatchMasterKey exports the age of the master key that encrypts, and the age at which it gets a successor (0: never). The
// function age returns false if the age is unknown. Then the exported age is infinite.
func (m *Recorder) WatchMasterKey(age func() (age time.Duration, known bool), period time.Duration) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyseat_master_key_age_seconds", Help: "Age of the master key that encrypts. +Inf: unknown.",
		}, func() float64 {
			if age, known := age(); known {
				return age.Seconds()
			}
			return math.Inf(1)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyseat_master_key_period_seconds", Help: "Age at which the master key that encrypts gets a successor. 0: never.",
		}, period.Seconds))
}

// Handler returns the HTTP handler that answers a scrape.
func (m *Recorder) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// apiMetrics are the metrics of the API: the number and the duration of requests.
type apiMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	series   *sync.Map // the series of each kind of answer, keyed by seriesKey
}

// fastBuckets holds the histogram buckets for operations that normally take milliseconds: 0.25 ms to 4 s.
var fastBuckets = prometheus.ExponentialBuckets(0.00025, 2, 15)

func newAPIMetrics() apiMetrics {
	return apiMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_requests_total", Help: "Requests answered, by call, status in the body and HTTP code.",
		}, []string{"call", "status", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyseat_request_duration_seconds", Help: "Time to the answer of a request.", Buckets: fastBuckets,
		}, []string{"call"}),
		series: &sync.Map{},
	}
}

// ObserveRequest counts an answered request. Use it as [daemon.API.Observe].
func (m *Recorder) ObserveRequest(o daemon.Observation) {
	a := m.api.seriesFor(seriesKey{o.Call, o.Status, o.Code})
	a.requests.Inc()
	a.seconds.Observe(o.Took.Seconds())
}

// A seriesKey identifies the series of one kind of answer by its label values.
type seriesKey struct {
	call, status string
	code         int
}

// A series holds the metrics that count the answers of one key.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// seriesFor returns the series of one kind of answer. It caches them, because a lookup by label values is slower.
// The cache stays small because the labels have few values.
func (a *apiMetrics) seriesFor(key seriesKey) series {
	if known, found := a.series.Load(key); found {
		return known.(series)
	}
	s := series{a.requests.WithLabelValues(key.call, key.status, strconv.Itoa(key.code)), a.seconds.WithLabelValues(key.call)}
	a.series.Store(key, s)
	return s
}

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
