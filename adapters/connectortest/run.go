package connectortest

import (
	"testing"

	"github.com/keyseat/keyseat/tasks"
)

// A Subject is a connector to be tried.
type Subject struct {
	// Connector's provider is quick. While it is at work the connector may answer [tasks.Pending]; it
	// is asked again then, for some seconds.
	Connector tasks.Connector

	// Slow is such a connector whose provider takes a minute or longer for any order. It is needed.
	Slow tasks.Connector

	// Login gives a login whose tasks end so, or "" where that cannot be provoked. Success must be. It
	// is unlike anything that an honest answer holds.
	Login func(kind tasks.Kind, outcome tasks.Outcome) string

	// Effects counts how often the work of an idempotency key was done. It is nil where there is
	// nothing to count.
	Effects func(key string) int
}

// A Factory makes a subject for one test, with nothing done yet. What must be closed is closed by
// the test's cleanup.
type Factory func(t testing.TB) Subject

// Run holds a connector to the contract of [tasks.Connector]. It takes less than a second where the
// connector's answers take no time.
func Run(t *testing.T, open Factory) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.holds(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}
