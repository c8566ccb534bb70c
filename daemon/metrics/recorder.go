// Package metrics measures a daemon for Prometheus.
//
//	API ─▶ ObserveRequest                                ┌─▶ keyseat_…_total, keyseat_…_seconds
//	Engine ─▶ batchstore ─▶ Store(…) ─▶ the database ─▶ Recorder ─▶ Handler ─▶ /metrics
//	  └─▶ Connector(…) ─▶ the provider                   └─▶ read from the Source at each scrape
//
// It measures from outside: it wraps the ports of the core and uses the Observe functions of the daemon.
// Therefore neither the core nor an adapter depends on it.
//
// Every name begins with keyseat_, except the go_… and process_… metrics of the runtime and the go_sql_…
// metrics of the database pools.
//
// Every label has a closed set of values. No label contains a key, a login, a task or an address. A country
// label is the ISO code of a country that has a plan.
package metrics

import (
	"database/sql"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	m.registry.MustRegister(m.tasks.events, m.tasks.ended, m.tasks.expired, m.tasks.lost)
	m.registry.MustRegister(m.connector.seconds, m.connector.inFlight)
	return m
}

// WatchPool exports the statistics of a pool of database connections as go_sql_… metrics with the name of the
// pool.
func (m *Recorder) WatchPool(name string, db *sql.DB) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(db, name))
}

// Handler returns the HTTP handler that answers a scrape.
func (m *Recorder) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}
