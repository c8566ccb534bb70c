// Package metrics measures a daemon for Prometheus.
//
//	daemon.API  ─▶ ObserveRequest ────────────────┐
//	worker.Pool ─▶ ObserveReport ─────────────────┤
//	batchstore  ─▶ ObserveBatch ──────────────────┼─▶ Recorder ─▶ Handler ─▶ /metrics
//	Engine ─┬─▶ Store(…)     ─▶ the database ─────┤
//	        └─▶ Connector(…) ─▶ the provider ─────┤
//	Source: queue and stock, read at each scrape ─┘
//
// A [Recorder] wraps the ports of the engine, and the daemon calls the Observe methods of the Recorder.
// Therefore neither the packages of the engine nor an adapter depends on this package.
//
// Every name begins with keyseat_, except go_… and process_… (the runtime) and go_sql_… (the database pools).
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
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/tasks"
)

// A Recorder holds the metrics of one daemon. Its methods are safe for concurrent use. Call [Recorder.WatchPool]
// once for each pool and [Recorder.Watch] once, because a second registration of the same metrics panics.
type Recorder struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	answers        sync.Map // from each answerKind to its answerSeries

	storeSeconds *prometheus.HistogramVec
	storeErrors  *prometheus.CounterVec
	batchSizes   *prometheus.HistogramVec

	taskEvents    *prometheus.CounterVec
	tasksEnded    *prometheus.CounterVec
	leasesExpired prometheus.Counter
	leasesLost    prometheus.Counter
	loginsLimited prometheus.Counter

	connectorSeconds *prometheus.HistogramVec
	inFlight         prometheus.Gauge
}

// New returns the metrics of the process and of a daemon of the given version.
func New(version string) *Recorder {
	m := &Recorder{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := m.gauge("keyseat_build_info", "Always 1, with the version of the program.", prometheus.Labels{"version": version})
	build.Set(1)
	m.requests = m.counters("keyseat_requests_total", "Requests answered, by call, status in the body and HTTP code.",
		"call", "status", "code")
	m.requestSeconds = m.histograms("keyseat_request_duration_seconds", "Time to the answer of a request.", fastBuckets, "call")

	m.storeSeconds = m.histograms("keyseat_store_duration_seconds", "Time of a call of the store.", fastBuckets, "call")
	m.storeErrors = m.counters("keyseat_store_errors_total", "Calls of the store that failed whole.", "call")
	m.batchSizes = m.histograms("keyseat_group_size", "Callers that shared one call of the store.",
		prometheus.ExponentialBuckets(1, 2, 10), "call")

	m.taskEvents = m.counters("keyseat_task_events_total", "Steps in the lives of tasks that this daemon has stored.", "event", "kind")
	m.tasksEnded = m.counters("keyseat_tasks_ended_total", "Tasks that this daemon has ended, by outcome.", "kind", "outcome")
	m.leasesExpired = m.counter("keyseat_leases_expired_total",
		"Tasks leased whose lease had run out: a daemon died or stood still.")
	m.leasesLost = m.counter("keyseat_leases_lost_total",
		"Tasks whose result this daemon could not store, since another has them or the database is away.")
	m.loginsLimited = m.counter("keyseat_logins_limited_total",
		"Tasks ended without a call of the provider, since their login or key had too many tests.")

	m.connectorSeconds = m.histograms("keyseat_connector_duration_seconds",
		"Time of an attempt of the connector, by what is known of its effect: "+
			"settled or refused (done), pending (at work), none or unknown (failed).",
		prometheus.ExponentialBuckets(0.01, 2, 14), "kind", "effect") // 10 ms to 82 s
	m.inFlight = m.gauge("keyseat_connector_in_flight", "Attempts in flight.", nil)
	m.initSeries()
	return m
}

// fastBuckets holds the histogram buckets for operations that normally take milliseconds: 0.25 ms to 4 s.
var fastBuckets = prometheus.ExponentialBuckets(0.00025, 2, 15)

func (m *Recorder) counter(name, help string) prometheus.Counter {
	return promauto.With(m.registry).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func (m *Recorder) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return promauto.With(m.registry).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func (m *Recorder) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return promauto.With(m.registry).NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

func (m *Recorder) gauge(name, help string, labels prometheus.Labels) prometheus.Gauge {
	return promauto.With(m.registry).NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
}

// countedEvents lists the event types that are counted. Each of them is a step in the life of a task.
var countedEvents = []tasks.EventType{
	tasks.EventAccepted, tasks.EventRetried, tasks.EventPlanFaulty, tasks.EventClaimed, tasks.EventEnded,
}

// initSeries creates the series with known labels, with the value 0, because Prometheus's rate() needs a first value.
func (m *Recorder) initSeries() {
	for _, call := range []string{"view", "find", "apply", "lease", "extend", "stock"} {
		m.storeErrors.WithLabelValues(call)
	}
	for _, kind := range tasks.Kinds() {
		for _, event := range countedEvents {
			m.taskEvents.WithLabelValues(string(event), string(kind))
		}
		for _, outcome := range tasks.Outcomes(kind) {
			m.tasksEnded.WithLabelValues(string(kind), string(outcome))
		}
		for effect := tasks.Unknown; effect <= tasks.Settled; effect++ {
			m.connectorSeconds.WithLabelValues(string(kind), effect.String())
		}
	}
}

// WatchPool exports the statistics of a pool of database connections as go_sql_… metrics with the name of the pool.
func (m *Recorder) WatchPool(name string, db *sql.DB) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(db, name))
}

// WatchMasterKey exports the age of the master key that encrypts new data, and the period after which a new master key
// replaces it (0: never). If the function age returns false, the age is unknown, and the exported age is infinite.
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

// ObserveRequest counts an answered request. Use it as [daemon.API.Observe].
func (m *Recorder) ObserveRequest(o daemon.Observation) {
	kind := answerKind{o.Call, o.Status, o.Code}
	found, known := m.answers.Load(kind)
	if !known {
		found = answerSeries{m.requests.WithLabelValues(o.Call, o.Status, strconv.Itoa(o.Code)), m.requestSeconds.WithLabelValues(o.Call)}
		m.answers.Store(kind, found)
	}
	series := found.(answerSeries)
	series.requests.Inc()
	series.seconds.Observe(o.Took.Seconds())
}

// An answerKind has the label values of one kind of answer. There are few kinds, because the labels have few values.
type answerKind struct {
	call, status string
	code         int
}

// An answerSeries has the metrics of one kind of answer. Every request needs these metrics. They are cached, because a
// lookup by label values takes three times as long and allocates memory.
type answerSeries struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// Connector returns a connector that calls inner and measures each call.
func (m *Recorder) Connector(inner tasks.Connector) tasks.Connector {
	return measuredConnector{inner, m}
}

type measuredConnector struct {
	inner tasks.Connector
	*Recorder
}

// Do implements [tasks.Connector]. If the call panics, Do counts it with the effect unknown.
func (c measuredConnector) Do(ctx context.Context, o tasks.ConnectorRequest) (result tasks.ConnectorResult) {
	start := time.Now()
	c.inFlight.Inc()
	defer func() {
		c.inFlight.Dec()
		c.connectorSeconds.WithLabelValues(string(o.Kind), result.Effect.String()).Observe(time.Since(start).Seconds())
	}()
	return c.inner.Do(ctx, o)
}

// ConnectorStats contains the durations of the connector calls with the same kind and effect, since the daemon started.
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

// ConnectorStats returns the connector statistics of this daemon. It leaves out each combination of kind and effect
// that has had no call.
func (m *Recorder) ConnectorStats() []ConnectorStats {
	registry := prometheus.NewRegistry() // gathering m.registry would also query the database
	registry.MustRegister(m.connectorSeconds)
	families, err := registry.Gather()
	if err != nil {
		return nil
	}
	var all []ConnectorStats
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			h, labels := metric.GetHistogram(), map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			s := ConnectorStats{
				Kind: tasks.Kind(labels["kind"]), Effect: labels["effect"],
				Count: h.GetSampleCount(), Total: toDuration(h.GetSampleSum()),
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
