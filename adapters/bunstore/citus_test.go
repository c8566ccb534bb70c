package bunstore_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// distributedURL returns the URL of a database to open as a distributed store: a database of Citus if the tests run
// on a cluster, otherwise a plain database.
func distributedURL(t testing.TB, plain func(testing.TB) string) string {
	t.Helper()
	if pgtest.CitusWorkers() == 0 {
		return "distributed:" + plain(t)
	}
	url := pgtest.URL(t)
	distribute(t, url)
	return "distributed:" + url
}

// notOnCitus skips a test of a distributed store that needs a trigger, a view or the locks of one server.
func notOnCitus(t testing.TB, url string) {
	t.Helper()
	if _, distributed := form(url); distributed && pgtest.CitusWorkers() > 0 {
		t.Skip("Citus has no triggers on distributed tables, and its locks are on the workers")
	}
}

// distribute creates the tables of a database and distributes them over the workers.
func distribute(t testing.TB, url string) {
	t.Helper()
	s := open(t, url, bunstore.Options{})
	if d, err := s.Distribute(t.Context(), 0); err != nil || d.Workers != pgtest.CitusWorkers() {
		t.Fatal(d, err)
	}
}
