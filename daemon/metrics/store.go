package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// storeMetrics are the metrics of the calls of the store.
type storeMetrics struct {
	seconds *prometheus.HistogramVec
	failed  *prometheus.CounterVec
	sizes   *prometheus.HistogramVec
}

func newStoreMetrics() storeMetrics {
	m := storeMetrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyseat_store_duration_seconds", Help: "Time of a call of the store.", Buckets: fastBuckets,
		}, []string{"call"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_store_errors_total", Help: "Calls of the store that failed whole.",
		}, []string{"call"}),
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyseat_group_size", Help: "Callers that shared one call of the store.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"call"}),
	}
	for _, call := range []string{"view", "find", "apply", "lease", "extend", "stock"} {
		m.failed.WithLabelValues(call)
	}
	return m
}

// ObserveBatch records how many callers shared one call of the store. Use it as the Observe function of the
// package batchstore.
func (m *Recorder) ObserveBatch(call string, size int) {
	m.store.sizes.WithLabelValues(call).Observe(float64(size))
}

// Store returns a store that calls inner, measures each call, and counts the events of tasks.
func (m *Recorder) Store(inner tasks.Store) tasks.Store { return measuredStore{inner, m} }

type measuredStore struct {
	inner tasks.Store
	*Recorder
}

// timed starts to measure a call. The function that it returns ends the measurement.
func (m *Recorder) timed(call string) func(*error) {
	start := time.Now()
	return func(err *error) {
		m.store.seconds.WithLabelValues(call).Observe(time.Since(start).Seconds())
		if *err != nil {
			m.store.failed.WithLabelValues(call).Inc()
		}
	}
}

// Snapshots implements [tasks.Store].
func (s measuredStore) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	defer s.timed("view")(&err)
	return s.inner.Snapshots(ctx, codes)
}

// Find implements [tasks.Store].
func (s measuredStore) Find(ctx context.Context, codes []keys.Code) (found []keys.Key, err error) {
	defer s.timed("find")(&err)
	return s.inner.Find(ctx, codes)
}

// Apply implements [tasks.Store].
func (s measuredStore) Apply(ctx context.Context, changes []tasks.Change) (verdicts []error, err error) {
	defer s.timed("apply")(&err)
	verdicts, err = s.inner.Apply(ctx, changes)
	for i, verdict := range verdicts {
		if err == nil && verdict == nil {
			s.tasks.countEvents(changes[i])
		}
	}
	return verdicts, err
}

// Lease implements [tasks.Store].
func (s measuredStore) Lease(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	defer s.timed("lease")(&err)
	views, err = s.inner.Lease(ctx, worker, n, ttl)
	for _, v := range views {
		if v.Task.LostLeases > 0 {
			s.tasks.expired.Inc()
		}
	}
	return views, err
}

// Extend implements [tasks.Store].
func (s measuredStore) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) (verdicts []error, err error) {
	defer s.timed("extend")(&err)
	return s.inner.Extend(ctx, refs, ttl)
}

// Stock implements [tasks.Store].
func (s measuredStore) Stock(ctx context.Context) (levels []stock.Level, err error) {
	defer s.timed("stock")(&err)
	return s.inner.Stock(ctx)
}

// taskMetrics are the metrics of the tasks that this daemon has changed.
type taskMetrics struct {
	events  *prometheus.CounterVec
	ended   *prometheus.CounterVec
	expired prometheus.Counter
	lost    prometheus.Counter
	limited prometheus.Counter
}

// countedEvents lists the event types that are counted. Each of them is a step in the life of a task.
var countedEvents = []tasks.EventType{tasks.EventAccepted, tasks.EventRetried, tasks.EventPlanFaulty, tasks.EventClaimed, tasks.EventEnded}

func newTaskMetrics() taskMetrics {
	m := taskMetrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_task_events_total", Help: "Steps in the lives of tasks that this daemon has stored.",
		}, []string{"event", "kind"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_tasks_ended_total", Help: "Tasks that this daemon has ended, by outcome.",
		}, []string{"kind", "outcome"}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyseat_leases_expired_total", Help: "Tasks leased whose lease had run out: a daemon died or stood still.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyseat_leases_lost_total", Help: "Tasks whose result this daemon could not store, since another has them or the database is away.",
		}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyseat_logins_limited_total", Help: "Tasks ended without a call of the provider, since their login or key had too many tests.",
		}),
	}
	m.initSeries()
	return m
}

// initSeries creates every series with the value 0, because the rate function of Prometheus needs a first value.
func (m taskMetrics) initSeries() {
	for _, kind := range tasks.Kinds() {
		for _, event := range countedEvents {
			m.events.WithLabelValues(string(event), string(kind))
		}
		for _, outcome := range tasks.Outcomes(kind) {
			m.ended.WithLabelValues(string(kind), string(outcome))
		}
	}
}

// countEvents counts the events of a stored change.
func (m taskMetrics) countEvents(c tasks.Change) {
	for _, e := range c.Events {
		if e.Kind == "" {
			continue // an event of a key, not of a task
		}
		m.events.WithLabelValues(string(e.Type), string(e.Kind)).Inc()
		if e.Type == tasks.EventEnded {
			m.ended.WithLabelValues(string(e.Kind), string(e.Outcome)).Inc()
		}
	}
}

// ObserveReport counts the results that could not be stored, and the tasks that a limit on logins ended. Use it as the
// Observe function of the worker pool.
func (m *Recorder) ObserveReport(r tasks.Report) {
	if r.Err != nil {
		m.tasks.lost.Inc()
	} else if r.Limited {
		m.tasks.limited.Inc()
	}
}
