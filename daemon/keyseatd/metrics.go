package main

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/tasks"
)

// metrics counts what the daemon does. Every label has a closed set of values: no key, login or
// country is ever one.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	ended     *prometheus.CounterVec
	retried   *prometheus.CounterVec
	lost      prometheus.Counter
	connector *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_requests_total", Help: "Requests answered, by call, status of the answer and HTTP code.",
		}, []string{"call", "status", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyseat_request_seconds", Help: "Time to an answer.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 15),
		}, []string{"call"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_tasks_ended_total", Help: "Tasks ended by this daemon after an asking.",
		}, []string{"kind", "outcome"}),
		retried: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_tasks_continued_total", Help: "Askings that left their task open.",
		}, []string{"kind"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyseat_leases_lost_total", Help: "Tasks that another daemon took over from this one.",
		}),
		connector: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyseat_connector_seconds", Help: "Time that the connector took for an asking.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		}, []string{"kind"}),
	}
	m.registry.MustRegister(
		m.requests, m.latency, m.ended, m.retried, m.lost, m.connector,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) request(o daemon.Observation) {
	m.requests.WithLabelValues(o.Call, o.Status, strconv.Itoa(o.Code)).Inc()
	m.latency.WithLabelValues(o.Call).Observe(o.Took.Seconds())
}

func (m *metrics) task(r tasks.Report) {
	kind := string(r.Task.Kind)
	if r.Took > 0 {
		m.connector.WithLabelValues(kind).Observe(r.Took.Seconds())
	}
	switch {
	case errors.Is(r.Err, tasks.ErrFenced):
		m.lost.Inc()
	case r.Err != nil: // nothing is known to have become of it
	case r.Task.Open():
		m.retried.WithLabelValues(kind).Inc()
	default:
		m.ended.WithLabelValues(kind, string(r.Task.Outcome)).Inc()
	}
}
