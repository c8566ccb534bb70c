package blackbox_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestPgBouncer has two daemons serve behind a PgBouncer whose pool has fewer connections than they would
// take, and an operator's commands run meanwhile.
func TestPgBouncer(t *testing.T) {
	ParallelUnlessScaled(t)
	for mode, flags := range map[string][]string{
		"transaction": nil,
		"session":     {"--database-conns=2"},
	} {
		t.Run(mode, func(t *testing.T) {
			const size, requests = 5, 2000
			direct := pgtest.URL(t)
			through := pgtest.Pooler(t, direct, "pool_mode = "+mode, fmt.Sprint("default_pool_size = ", size), "query_wait_timeout = 20")
			clean := sessionState(t, through, size)
			s := NewPostgresShop(t, through)
			codes := make([]string, requests)
			for i := range codes {
				codes[i] = fmt.Sprint("K", i)
			}
			s.AddKeys(codes...)
			s.ImportPlans(fmt.Sprintf("p,US,%d,,", requests))
			daemons := []*Daemon{s.Serve(flags...), s.Serve(flags...)}
			for _, d := range daemons {
				if found := d.Logs.Find("connected to PostgreSQL"); found["pooler"] != mode {
					t.Errorf("a daemon has found %v", found)
				}
			}
			commands := make(chan struct{})
			go func() {
				defer close(commands)
				for range 5 {
					if r := s.Exec("stock"); r.Code != 0 {
						t.Errorf("stock: status %d, %s", r.Code, r.Err)
					}
				}
			}()
			s.upgradeAll(daemons, codes)
			<-commands
			for _, code := range codes {
				if k := daemons[0].WaitEnd(code); k.Used != 1 {
					t.Errorf("%s ended as %s", code, k.Body)
				}
			}
			s.CheckDoctor()
			for _, d := range daemons {
				d.Stop()
				if strings.Contains(d.Logs.String(), `"level":"ERROR"`) {
					t.Errorf("the daemon's log has an error:\n%s", d.Logs.Tail())
				}
			}
			if now := sessionState(t, through, size); !slices.Equal(now, clean) {
				t.Errorf("a neighbour in the pool finds\n%s\nnot\n%s", now, clean)
			}
			Report(t, requests, 0, "pool", size)
		})
	}
}

// upgradeAll upgrades and looks at every key, and holds that no answer but 200 comes.
func (s *Shop) upgradeAll(daemons []*Daemon, codes []string) {
	s.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for c := range 16 {
		all.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(codes); i = next.Add(1) - 1 {
				d := daemons[c%len(daemons)]
				for _, query := range []string{
					"upgrade=" + codes[i] + "&country=US&login=success@" + codes[i] + ".example.com&pwd=p",
					"info=" + codes[i],
				} {
					if a, err := d.Send(http.MethodGet, d.URL+"/API/?"+query, "", nil); err != nil || a.Code != http.StatusOK {
						s.Errorf("%s: status %d, %s, %v", query, a.Code, a.Body, err)
					}
				}
			}
		})
	}
	all.Wait()
}

// sessionState gives what another client of a pool finds on each of its server connections: the settings,
// prepared statements and advisory locks, each line once.
func sessionState(t *testing.T, through string, size int) (found []string) {
	t.Helper()
	db, err := sql.Open("pgx", through+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it has only read
	for range size {
		tx, err := db.BeginTx(t.Context(), nil) // which keeps the server connection from the next
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }() // it has only read
		var text string
		err = tx.QueryRowContext(t.Context(), `SELECT string_agg(line, chr(10) ORDER BY line) FROM (
			SELECT name || ' = ' || setting AS line FROM pg_settings WHERE name NOT LIKE 'transaction_%'
			UNION ALL SELECT 'prepared: ' || statement FROM pg_prepared_statements WHERE name <> ''
			UNION ALL SELECT 'advisory lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS lines`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, strings.Split(text, "\n")...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
