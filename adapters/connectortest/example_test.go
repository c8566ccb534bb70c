package connectortest_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/tasks"
)

// This is the whole test of a connector. Its body is that of TestConnector(t *testing.T) in the connector's own
// package. Here the connector is the simulator, which ends a task with the outcome in its login.
func ExampleRun() {
	testConnector := func(t *testing.T) {
		connectortest.Run(t, func(testing.TB) connectortest.Subject {
			return connectortest.Subject{
				Connector: simulator.Connector{},
				Slow:      simulator.Connector{Delay: time.Hour},
				Login:     func(_ tasks.Kind, o tasks.Outcome) string { return string(o) + "@example.com" },
			}
		})
	}
	_ = testConnector // go test runs it, an example cannot
}
