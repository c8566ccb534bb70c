package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/tasks"
)

// taskMetrics are the metrics of the tasks that this daemon has changed.
type taskMetrics struct {
	events  *prometheus.CounterVec
	ended   *prometheus.CounterVec
	expired prometheus.Counter
	lost    prometheus.Counter
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

// ObserveReport counts the results that could not be stored. Use it as the Observe function of the worker pool.
func (m *Recorder) ObserveReport(r tasks.Report) {
	if r.Err != nil {
		m.tasks.lost.Inc()
	}
}
