package metrics

import (
	"database/sql"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Recorder keeps one daemon's metrics. Its methods may be called at once from many goroutines, those
// that add to what is measured ([Recorder.Pool], [Recorder.Watch]) once for each thing.
type Recorder struct {
	registry *prometheus.Registry
	api      api
	calls    calls
	tasks    journal
	provider provider
}

// New makes the metrics of a daemon of that version, and of its process.
func New(version string) *Recorder {
	m := &Recorder{
		registry: prometheus.NewRegistry(),
		api:      newAPI(),
		calls:    newCalls(),
		tasks:    newJournal(),
		provider: newProvider(),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "keyseat_build_info", Help: "Always 1, with the version of the program.",
	}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.api.requests, m.api.seconds)
	m.registry.MustRegister(m.calls.seconds, m.calls.failed, m.calls.sizes)
	m.registry.MustRegister(m.tasks.events, m.tasks.ended, m.tasks.expired, m.tasks.lost)
	m.registry.MustRegister(m.provider.seconds, m.provider.asking)
	return m
}

// Pool measures a pool of database connections, as go_sql_… with its name.
func (m *Recorder) Pool(name string, db *sql.DB) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(db, name))
}

// Handler answers a scrape.
func (m *Recorder) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}
