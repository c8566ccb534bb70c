package operator_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// maxIdleRate is the limit of statements per second by idle daemons.
const maxIdleRate = 20

// TestIdleDaemonsCostLittle counts the statements of eight idle daemons with webhooks and a limit of unknown keys.
func TestIdleDaemonsCostLittle(t *testing.T) {
	harness.ParallelUnlessScaled(t)
	const daemons = 8
	cluster := pgtest.Start(t, pgtest.Options{Config: []string{"log_statement=all"}})
	s := harness.NewPostgresShop(t, cluster.URL(t))
	s.ImportPlans("p,US,9,,")
	h := newReceiver(s, `, "stock_low": {"US": 1}`)
	h.serveWithEndpoint("--unknown-key-limit=30")
	for range daemons - 1 {
		h.Serve(h.flags("--unknown-key-limit=30")...)
	}
	idle := time.Duration(harness.Scaled(10, 60)) * time.Second
	time.Sleep(8 * time.Second) // until the daemons are idle
	before := countStatements(t, cluster)
	time.Sleep(idle)
	n := countStatements(t, cluster) - before
	rate := float64(n) / idle.Seconds()
	t.Logf("%d daemons make %.1f statements a second", daemons, rate)
	if rate >= maxIdleRate {
		t.Errorf("%d daemons make %.1f statements a second", daemons, rate)
	}
	if rate < daemons {
		t.Errorf("%d daemons make %.1f statements a second, which is too few: nothing is proven", daemons, rate)
	}
	harness.Report(t, n, 0, "daemons", daemons, "statements_a_second", fmt.Sprintf("%.1f", rate))
}

// countStatements counts the statements in a server's log.
func countStatements(t *testing.T, c *pgtest.Cluster) int {
	t.Helper()
	log, err := c.Log()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(log, []byte("LOG:  statement: ")) + bytes.Count(log, []byte("LOG:  execute "))
}

// TestPgBouncer runs two daemons and commands behind a PgBouncer, whose pool has fewer connections than the daemons
// could use.
func TestPgBouncer(t *testing.T) {
	harness.ParallelUnlessScaled(t)
	for mode, flags := range map[string][]string{
		"transaction": nil,
		"session":     {"--database-conns=2"},
	} {
		t.Run(mode, func(t *testing.T) {
			const size, requests = 5, 2000
			direct := pgtest.URL(t)
			through := pgtest.Pooler(t, direct, "pool_mode = "+mode, fmt.Sprint("default_pool_size = ", size), "query_wait_timeout = 20")
			clean := sessionState(t, through, size)
			s := harness.NewPostgresShop(t, through)
			codes := make([]string, requests)
			for i := range codes {
				codes[i] = fmt.Sprint("K", i)
			}
			s.AddKeys(codes...)
			s.ImportPlans(fmt.Sprintf("p,US,%d,,", requests))
			daemons := []*harness.Daemon{s.Serve(flags...), s.Serve(flags...)}
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
			upgradeAll(s, daemons, codes)
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
			harness.Report(t, requests, 0, "pool", size)
		})
	}
}

// upgradeAll upgrades and reads every key, and checks that every status is 200.
func upgradeAll(s *harness.Shop, daemons []*harness.Daemon, codes []string) {
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

// sessionState returns what another client of a pool finds on its server connections: settings, prepared statements
// and advisory locks. Each line appears once.
func sessionState(t *testing.T, through string, size int) (found []string) {
	t.Helper()
	db, err := sql.Open("pgx", through+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the connection has only read
	for range size {
		tx, err := db.BeginTx(t.Context(), nil) // the transaction keeps the server connection
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }() // it has only read
		// This loads plpgsql and its settings, which a trigger may load later.
		if _, err := tx.ExecContext(t.Context(), "DO 'BEGIN END'"); err != nil {
			t.Fatal(err)
		}
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
