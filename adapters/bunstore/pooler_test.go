package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// poolSize is the number of server connections that a pooler of these tests has for each database.
const poolSize = 4

// bounced starts a PgBouncer. It returns a function that creates a database with tables and returns its URL behind
// that PgBouncer.
func bounced(t testing.TB, mode string) func(testing.TB) string {
	t.Helper()
	settings := []string{"pool_mode = " + mode, fmt.Sprint("default_pool_size = ", poolSize), "max_client_conn = 500"}
	through, err := url.Parse(pgtest.Pooler(t, pgtest.URL(t), settings...))
	if err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) string { return behind(t, reusable.URL(t), through.Host) }
}

// behind replaces the host of a URL.
func behind(t testing.TB, direct, host string) string {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = host
	return u.String()
}

// TestStoreBehindPooler runs the contract of the store behind a pooler in transaction mode. Each transaction
// may run on another server connection, and there are few of them.
func TestStoreBehindPooler(t *testing.T) {
	t.Parallel()
	database := bounced(t, "transaction")
	for _, form := range []string{"", "distributed:"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			store := func(t testing.TB) *bunstore.Store {
				s := open(t, form+database(t), bunstore.Options{})
				if s.Pooler() != bunstore.PoolerTransaction {
					t.Fatalf("the pooler was taken for %q", s.Pooler())
				}
				return s
			}
			storetest.Run(t, func(t testing.TB) storetest.Store { return store(t) })
			storetest.RunOutbox(t, func(t testing.TB) storetest.OutboxStore { return store(t) })
			storetest.RunStats(t, func(t testing.TB) storetest.StatsStore { return store(t) })
			storetest.RunArchive(t, func(t testing.TB) storetest.ArchiveStore { return store(t) })
		})
	}
}

// TestPoolerIsFound checks that Open detects the pooler, also while other clients use the same pooler.
func TestPoolerIsFound(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]bunstore.Pooler{
		"direct": bunstore.PoolerNone, "session": bunstore.PoolerSession, "transaction": bunstore.PoolerTransaction,
		"transaction\nserver_round_robin = 1": bunstore.PoolerTransaction,
	} {
		database := pgtest.URL
		if mode != "direct" {
			database = bounced(t, mode)
		}
		address := database(t)
		stop := make(chan struct{})
		if want == bunstore.PoolerTransaction {
			keepBusy(t, address, stop)
		}
		for range 20 {
			s, err := bunstore.Open(t.Context(), address, bunstore.Options{})
			if err != nil {
				t.Fatalf("%s: %v", mode, err)
			}
			if s.Pooler() != want {
				t.Errorf("%s was taken for %q", mode, s.Pooler())
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		close(stop)
	}
}

// keepBusy has two clients of a pooler run transactions until stop is closed.
func keepBusy(t *testing.T, address string, stop chan struct{}) {
	t.Helper()
	db := raw(t, address+"&default_query_exec_mode=exec")
	for range 2 {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = db.ExecContext(context.Background(), "SELECT pg_sleep(0.0005)") // this only keeps the server connection busy
				}
			}
		}()
	}
}

// A session is the state of a server connection: its settings, and the objects that earlier users have left.
type session map[string]string

// sessions returns the state that another client finds on every server connection of a pool.
func sessions(t *testing.T, address string) (all []session) {
	t.Helper()
	db, err := sql.Open("pgx", address+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for range poolSize {
		tx, err := db.BeginTx(t.Context(), nil) // the open transaction keeps its server connection, so the next one gets another
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		all = append(all, state(t, tx))
	}
	return all
}

func state(t *testing.T, tx *sql.Tx) session {
	t.Helper()
	if _, err := tx.ExecContext(t.Context(), "DO 'BEGIN END'"); err != nil { // loads plpgsql, which a trigger may load later
		t.Fatal(err)
	}
	rows, err := tx.QueryContext(t.Context(), `
		SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'transaction_%'
		UNION ALL SELECT 'prepared statement ' || name, statement FROM pg_prepared_statements WHERE name <> ''
		UNION ALL SELECT 'advisory lock', count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
		UNION ALL SELECT 'channel ' || c, '' FROM pg_listening_channels() AS c
		UNION ALL SELECT 'temporary table ' || relname, '' FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	found := session{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			t.Fatal(err)
		}
		found[name] = value
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestNeighboursInThePool checks that a store leaves no state for other clients of a pool. Their sessions must
// be the same as before the store used these server connections.
func TestNeighboursInThePool(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode    string
		options bunstore.Options
		leaks   bool
	}{
		"transaction":             {"transaction", bunstore.Options{}, false},
		"transaction, said so":    {"transaction", bunstore.Options{Pooler: bunstore.PoolerTransaction}, false},
		"transaction distributed": {"transaction", bunstore.Options{Distributed: true}, false},
		"session":                 {"session", bunstore.Options{Conns: poolSize}, false},
		"taken for none":          {"transaction", bunstore.Options{Pooler: bunstore.PoolerNone}, true}, // proves that the test detects a leak
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := pgtest.URL(t)
			for _, set := range []string{"lock_timeout = '77s'", "datestyle = 'German, DMY'", "timezone = 'Asia/Tokyo'"} {
				setForDatabase(t, address, set)
			}
			address = pgtest.Pooler(t, address, "pool_mode = "+c.mode, fmt.Sprint("default_pool_size = ", poolSize))
			before := sessions(t, address)
			s, err := bunstore.Open(t.Context(), address, c.options)
			if err == nil {
				err = s.Migrate(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			work(t, s, c.leaks)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			var leaked []string
			for _, now := range sessions(t, address) {
				for _, name := range slices.Sorted(maps.Keys(now)) {
					if was, known := before[0][name]; !known || was != now[name] {
						leaked = append(leaked, name+" = "+now[name])
					}
				}
			}
			if (len(leaked) > 0) != c.leaks {
				t.Errorf("a neighbour finds %q", leaked)
			}
		})
	}
}

// setForDatabase changes a setting for all later sessions of a database.
func setForDatabase(t *testing.T, address, set string) {
	t.Helper()
	if _, err := raw(t, address).ExecContext(t.Context(),
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ', current_database()) || $x$"+set+"$x$; END $$"); err != nil {
		t.Fatal(err)
	}
}

// work makes several goroutines use all calls of a store that need more than one statement of a session.
func work(t *testing.T, s *bunstore.Store, mayFail bool) {
	t.Helper()
	fill(t, s, 40)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, poolSize)
	changes := upgrades(t, s, 40)
	for i := range poolSize {
		go func() {
			_, err := s.Apply(ctx, changes[i*10:i*10+10])
			if err == nil {
				_, err = s.Stock(ctx)
			}
			if err == nil {
				_, err = s.Records(ctx, "", 40)
			}
			done <- err
		}()
	}
	for range poolSize {
		if err := <-done; err != nil && !mayFail {
			t.Error(err)
		}
	}
	views, err := s.Lease(ctx, "w", 40, time.Minute)
	if err != nil && !mayFail {
		t.Error(err)
	}
	var refs []tasks.Ref
	for _, v := range views {
		refs = append(refs, v.Task.Ref())
	}
	if _, err := s.Extend(ctx, refs, time.Minute); err != nil && !mayFail {
		t.Error(err)
	}
	if _, err := s.Tasks(ctx, adminstore.TaskFilter{}, adminstore.Page{Limit: 40}); err != nil && !mayFail {
		t.Error(err)
	}
}
