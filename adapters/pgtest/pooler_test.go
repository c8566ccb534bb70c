package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestPoolerSharesASession holds that two clients of a pooler in transaction mode have one server
// connection, and that two clients of one in session mode do not.
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

// backend gives the server process of a new connection, which stays open until the test ends.
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
