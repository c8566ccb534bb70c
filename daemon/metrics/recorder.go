package metrics

import (
	"database/sql"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Recorder holds the metrics of one daemon. Its methods are safe for concurrent use. Call [Recorder.Pool]
// once for each pool and [Recorder.Watch] once, because a second registration of the same metrics panics.
type Recorder struct {
	registry *prometheus.Registry
	api      api
	calls    calls
	tasks    journal
	provider provider
}

// New returns the metrics of the process and of a daemon of the given version.
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

// Pool exports the statistics of a pool of database connections as go_sql_… metrics with the name of the
// pool.
func (m *Recorder) Pool(name string, db *sql.DB) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(db, name))
}

// Handler returns the HTTP handler that answers a scrape.
func (m *Recorder) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}
