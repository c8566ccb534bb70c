// Package metrics measures a daemon for Prometheus, from outside: it wraps the ports and listens where
// the daemon lets it, so that neither the core nor an adapter knows of it.
//
//	API ─▶ Request                                       ┌─▶ keyseat_…_total, keyseat_…_seconds
//	Engine ─▶ group ─▶ Store(…) ─▶ the database     ─▶  Recorder ─▶ Handler ─▶ /metrics
//	  └─▶ Connector(…) ─▶ the provider                   └─▶ read from the Shop at each scrape
//
// Every name begins with keyseat_, but for the go_… and process_… of the runtime and the go_sql_… of
// the pools. Every label has a closed set of values: no key, no login, no task and no address is ever
// one; a country is an ISO code that has a plan.
package metrics
