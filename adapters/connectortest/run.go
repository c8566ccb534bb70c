package connectortest

import (
	"testing"

	"github.com/keyseat/keyseat/tasks"
)

// A Subject is a connector under test.
type Subject struct {
	// Connector is a connector whose provider is quick. While the provider works, the connector may return
	// [tasks.Pending]. The suite then repeats the attempt for up to 5 seconds.
	Connector tasks.Connector

	// Slow is a connector of the same kind whose provider takes a minute or longer for any request. It is required.
	Slow tasks.Connector

	// Login returns a login whose tasks end with that outcome, or "" if the outcome cannot be provoked. It must
	// return a login for success. A login must not occur in a correct result.
	Login func(kind tasks.Kind, outcome tasks.Outcome) string

	// Effects returns how often the work of an idempotency key was done. It is nil if that cannot be counted.
	Effects func(key string) int
}

// A Factory makes a new subject for one test. It uses t.Cleanup to close the subject's resources.
type Factory func(t testing.TB) Subject

// Run tests whether a connector keeps the contract of [tasks.Connector]. It takes less than a second if the connector
// returns its results without delay.
func Run(t *testing.T, open Factory) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.holds(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}
