package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestPoolerSharesASession checks that two clients of a pooler in transaction mode share one server connection. Two
// clients of a pooler in session mode do not share one.
func TestPoolerSharesASession(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	for mode, want := range map[string]bool{"transaction": true, "session": false} {
		through := pgtest.Pooler(t, url, "pool_mode = "+mode)
		one, two := backend(t, through), backend(t, through)
		if (one == two) != want {
			t.Errorf("%s: two clients have the server processes %d and %d", mode, one, two)
		}
	}
}

// backend returns the id of the server process of a new connection. The connection stays open until the test ends.
func backend(t *testing.T, url string) (pid int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
