package main

import (
	"log/slog"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/metrics"
)

// newMetrics returns the metrics of a daemon that serves store.
func newMetrics(store *bunstore.Store, log *slog.Logger) *metrics.Recorder {
	m := metrics.New(strings.TrimPrefix(version(), "keyseatd "))
	for name, pool := range store.Pools() {
		m.WatchPool(name, pool)
	}
	m.Watch(store, log)
	return m
}
