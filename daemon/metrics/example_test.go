package metrics_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/tasks"
)

// To measure a daemon, wrap the ports, set the daemon's Observe functions, and mount the handler.
func Example() {
	m, store := metrics.New("v1"), memory.New(time.Now)
	m.Watch(store, slog.Default())
	engine := daemon.NewEngine(m.Store(store), m.Connector(simulator.Connector{}), nil, tasks.DefaultRules())
	api := &daemon.API{Engine: engine, Observe: m.ObserveRequest}

	request := httptest.NewRequestWithContext(context.Background(), "GET", "/API/?info=nobody", nil)
	api.ServeHTTP(httptest.NewRecorder(), request)

	scrape := httptest.NewRecorder()
	m.Handler().ServeHTTP(scrape, request)
	for line := range strings.Lines(scrape.Body.String()) {
		if strings.HasPrefix(line, "keyseat_requests_total") || strings.HasPrefix(line, "keyseat_database_up") {
			fmt.Print(line)
		}
	}
	// Output:
	// keyseat_database_up{reading="queue"} 1
	// keyseat_database_up{reading="stock"} 1
	// keyseat_requests_total{call="info",code="200",status="not_exist"} 1
}
