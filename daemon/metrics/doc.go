// Package metrics measures a daemon for Prometheus.
//
//	API ─▶ Request                                       ┌─▶ keyseat_…_total, keyseat_…_seconds
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
