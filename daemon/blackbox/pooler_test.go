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

// TestPoolers has two daemons serve behind a PgBouncer whose pool has fewer connections than they would
// take, and an operator's commands run meanwhile.
func TestPoolers(t *testing.T) {
	besideOthers(t)
	for mode, flags := range map[string][]string{
		"transaction": nil,
		"session":     {"--database-conns=2"},
	} {
		t.Run(mode, func(t *testing.T) {
			const size, requests = 5, 2000
			direct := pgtest.URL(t)
			through := pgtest.Pooler(t, direct, "pool_mode = "+mode, fmt.Sprint("default_pool_size = ", size), "query_wait_timeout = 20")
			clean := neighbour(t, through, size)
			s := onPostgres(t, through)
			codes := make([]string, requests)
			for i := range codes {
				codes[i] = fmt.Sprint("K", i)
			}
			s.fresh(codes...)
			s.importPlans(fmt.Sprintf("p,US,%d,,", requests))
			daemons := []*daemon{s.serve(flags...), s.serve(flags...)}
			for _, d := range daemons {
				if found := d.log.find("connected to PostgreSQL"); found["pooler"] != mode {
					t.Errorf("a daemon has found %v", found)
				}
			}
			commands := make(chan struct{})
			go func() {
				defer close(commands)
				for range 5 {
					if r := s.cli("stock"); r.code != 0 {
						t.Errorf("stock: status %d, %s", r.code, r.err)
					}
				}
			}()
			s.upgradeAll(daemons, codes)
			<-commands
			for _, code := range codes {
				if k := daemons[0].ends(code); k.Used != 1 {
					t.Errorf("%s ended as %s", code, k.body)
				}
			}
			s.well()
			for _, d := range daemons {
				d.stop()
				if strings.Contains(d.log.String(), `"level":"ERROR"`) {
					t.Errorf("the daemon's log has an error:\n%s", d.log.tail())
				}
			}
			if now := neighbour(t, through, size); !slices.Equal(now, clean) {
				t.Errorf("a neighbour in the pool finds\n%s\nnot\n%s", now, clean)
			}
			tried(t, requests, 0, "pool", size)
		})
	}
}

// upgradeAll upgrades and looks at every key, and holds that no answer but 200 comes.
func (s *shop) upgradeAll(daemons []*daemon, codes []string) {
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
					if a, err := d.try(http.MethodGet, d.url+"/API/?"+query, "", nil); err != nil || a.code != http.StatusOK {
						s.Errorf("%s: status %d, %s, %v", query, a.code, a.body, err)
					}
				}
			}
		})
	}
	all.Wait()
}

// neighbour gives what another client of a pool finds on each of its server connections: the settings,
// prepared statements and advisory locks, each line once.
func neighbour(t *testing.T, through string, size int) (found []string) {
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
