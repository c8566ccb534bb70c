package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/tasks"
)

// The type journal holds the metrics of the tasks that this daemon has changed.
type journal struct {
	events  *prometheus.CounterVec
	ended   *prometheus.CounterVec
	expired prometheus.Counter
	lost    prometheus.Counter
}

// counted lists the event types that are counted. Each of them is a step in the life of a task.
var counted = []tasks.EventType{tasks.EventAccepted, tasks.EventRetried, tasks.EventPlanFaulty, tasks.EventClaimed, tasks.EventEnded}

func newJournal() journal {
	j := journal{
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
	j.begin()
	return j
}

// begin creates every series with the value 0, because the rate function of Prometheus needs a first value.
func (j journal) begin() {
	for _, kind := range tasks.Kinds() {
		for _, cause := range counted {
			j.events.WithLabelValues(string(cause), string(kind))
		}
		for _, outcome := range tasks.Outcomes(kind) {
			j.ended.WithLabelValues(string(kind), string(outcome))
		}
	}
}

// made counts the events of a stored change.
func (j journal) made(c tasks.Change) {
	for _, e := range c.Events {
		if e.Kind == "" {
			continue // an event of a key, not of a task
		}
		j.events.WithLabelValues(string(e.Type), string(e.Kind)).Inc()
		if e.Type == tasks.EventEnded {
			j.ended.WithLabelValues(string(e.Kind), string(e.Outcome)).Inc()
		}
	}
}

// Report counts the results that could not be stored. Use it as the Observe function of the worker pool.
func (m *Recorder) Report(r tasks.Report) {
	if r.Err != nil {
		m.tasks.lost.Inc()
	}
}
