package bunstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// underSettings runs a test on databases with the given settings, with and without a pooler.
func underSettings(t *testing.T, settings []string, test func(t *testing.T, direct string, s *bunstore.Store)) {
	t.Helper()
	t.Parallel()
	for _, form := range []string{"", "distributed:"} {
		for _, mode := range []string{"direct", "session", "transaction"} {
			t.Run(form+mode, func(t *testing.T) {
				t.Parallel()
				direct := pgtest.URL(t)
				for _, set := range settings {
					if hasSetting(t, direct, set[:strings.Index(set, " =")]) {
						setForDatabase(t, direct, set)
					}
				}
				address := direct
				if mode != "direct" {
					address = pgtest.Pooler(t, direct, "pool_mode = "+mode)
				}
				test(t, direct, open(t, form+address, bunstore.Options{}))
			})
		}
	}
}

// hasSetting reports whether the server has a setting. Older versions lack some.
func hasSetting(t *testing.T, url, name string) (has bool) {
	t.Helper()
	if err := raw(t, url).QueryRowContext(t.Context(), `SELECT EXISTS (SELECT FROM pg_settings WHERE name = $1)`, name).Scan(&has); err != nil {
		t.Fatal(err)
	}
	return has
}

// through takes a task from its acceptance to its end.
func through(t *testing.T, s *bunstore.Store) {
	t.Helper()
	fill(t, s, 2)
	apply(t, s, upgrades(t, s, 2)...)
	views, err := s.Lease(t.Context(), "w", 1, time.Minute)
	if err != nil || len(views) != 1 {
		t.Fatalf("leased %v, %v", views, err)
	}
	if errs, err := s.Extend(t.Context(), []tasks.Ref{views[0].Task.Ref()}, time.Minute); err != nil || errs[0] != nil {
		t.Fatalf("extended: %v, %v", errs, err)
	}
	apply(t, s, success(views[0]))
	records, err := s.Records(t.Context(), "", 9)
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	listed, err := s.Tasks(t.Context(), adminstore.TaskFilter{State: adminstore.EndedTask}, adminstore.Page{Limit: 9})
	if err != nil || len(listed.Entries) != 1 || !listed.Entries[0].Task.EndedAt.Equal(records[0].Tasks[0].EndedAt) || time.Since(listed.Entries[0].Task.EndedAt).Abs() > time.Hour {
		t.Fatalf("listed %v, %v", listed, err)
	}
}

// TestDateStyle uses a database whose default format of times a store cannot read.
func TestDateStyle(t *testing.T) {
	settings := []string{`DateStyle = 'German, DMY'`, `TimeZone = 'Asia/Kathmandu'`, `IntervalStyle = 'sql_standard'`}
	underSettings(t, settings, func(t *testing.T, _ string, s *bunstore.Store) {
		through(t, s)
		own := map[string]string{"DateStyle": "ISO, MDY", "TimeZone": "UTC", "IntervalStyle": "postgres"}
		if s.Pooler() == bunstore.PoolerTransaction {
			delete(own, "IntervalStyle") // the store does not depend on it
		}
		for name, want := range own {
			var got string
			if err := s.Pools()["main"].QueryRowContext(t.Context(), "SHOW "+name).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, not %q, %v", name, got, want, err)
			}
		}
	})
}

// TestArgumentsStayArguments checks that an argument with a backslash cannot end its quotes. The database
// reads backslashes as escapes by default.
func TestArgumentsStayArguments(t *testing.T) {
	underSettings(t, []string{`standard_conforming_strings = off`}, func(t *testing.T, _ string, s *bunstore.Store) {
		through(t, s)
		const injected = `\' OR true) LIMIT 1 --`
		if v, err := s.Task(t.Context(), injected); err != nil || v.Task != nil {
			t.Errorf("found %v, %v", v.Task, err)
		}
		if events, err := s.History(t.Context(), injected); err != nil || len(events) > 0 {
			t.Errorf("found %v, %v", events, err)
		}
	})
}

// TestIsolation makes the server refuse each write whose isolation level is not read committed.
func TestIsolation(t *testing.T) {
	underSettings(t, []string{`default_transaction_isolation = 'serializable'`}, func(t *testing.T, direct string, s *bunstore.Store) {
		db := raw(t, direct)
		for _, sql := range []string{
			`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF current_setting('transaction_isolation') <> 'read committed' THEN RAISE EXCEPTION 'not under %', current_setting('transaction_isolation'); END IF;
				RETURN NEW; END $$`,
			`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON keyseat_keys FOR EACH ROW EXECUTE FUNCTION refuse()`,
			`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON keyseat_tasks FOR EACH ROW EXECUTE FUNCTION refuse()`,
			`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON keyseat_plans FOR EACH ROW EXECUTE FUNCTION refuse()`,
			`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON keyseat_history FOR EACH ROW EXECUTE FUNCTION refuse()`,
			`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON keyseat_daemons FOR EACH ROW EXECUTE FUNCTION refuse()`,
			`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON keyseat_listeners FOR EACH ROW EXECUTE FUNCTION refuse()`,
		} {
			if _, err := db.ExecContext(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		through(t, s)
		if _, err := s.Heartbeat(t.Context(), "d", time.Minute); err != nil {
			t.Error(err)
		}
		if err := s.Subscribe(t.Context(), []string{"l"}, time.Minute); err != nil {
			t.Error(err)
		}
	})
}

// TestAnImportOutlastsTheTimeouts imports keys that arrive more slowly than the timeouts of statements and transactions.
func TestAnImportOutlastsTheTimeouts(t *testing.T) {
	underSettings(t, []string{`statement_timeout = '300ms'`, `transaction_timeout = '300ms'`}, func(t *testing.T, _ string, s *bunstore.Store) {
		slowly := func(yield func(keys.Key, error) bool) {
			for k, err := range someKeys("K", 2) {
				if time.Sleep(400 * time.Millisecond); !yield(k, err) { // this is also the duration of the statement
					return
				}
			}
		}
		if err := s.ImportKeys(t.Context(), imported(), slowly); err != nil {
			t.Error(err)
		}
	})
}

// TestLatin1 uses a database with the encoding LATIN1. It must store text unchanged, and refuse characters
// that the encoding lacks.
func TestLatin1(t *testing.T) {
	t.Parallel()
	direct := pgtest.URL(t)
	name := direct[strings.LastIndex(direct, "/")+1 : strings.Index(direct, "?")]
	admin := strings.Replace(direct, "/"+name, "/postgres", 1)
	if _, err := raw(t, admin).ExecContext(t.Context(), `CREATE DATABASE `+name+`_latin1 TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'`); err != nil {
		t.Fatal(err)
	}
	direct = strings.Replace(direct, name, name+"_latin1", 1)
	t.Cleanup(func() {
		_, _ = raw(t, admin).Exec(`DROP DATABASE ` + name + `_latin1 WITH (FORCE)`) //nolint:noctx // the test has ended
	})
	for mode, address := range map[string]string{"direct": direct, "transaction": pgtest.Pooler(t, direct, "pool_mode = transaction")} {
		s := open(t, address, bunstore.Options{})
		const street = "Hauptstraße 1, José"
		if err := edited(t, s, mode, street); err != nil {
			t.Fatal(err)
		}
		var invite string
		conn, err := pgx.Connect(t.Context(), direct+"&client_encoding=UTF8")
		if err == nil {
			err = conn.QueryRow(t.Context(), `SELECT address FROM keyseat_plans WHERE id = $1`, mode).Scan(&invite)
			_ = conn.Close(t.Context())
		}
		if err != nil || invite != street {
			t.Errorf("%s: the server has %q, %v", mode, invite, err)
		}
		err = edited(t, s, mode, "東京")
		if err == nil || !strings.Contains(err.Error(), "22P05") || strings.Contains(err.Error(), "東") {
			t.Errorf("%s: got %v", mode, err)
		}
		plans, err := s.Plans(t.Context(), 0, 9)
		if err != nil || plans[len(plans)-1].Address != street {
			t.Errorf("%s: listed %v, %v", mode, plans, err)
		}
	}
}

func edited(t *testing.T, s *bunstore.Store, id, address string) error {
	t.Helper()
	country, size := stock.Country("US"), 1
	return s.EditPlans(t.Context(), []stock.PlanEdit{{ID: id, Country: &country, Size: &size, Address: &address}})
}

// TestAServerThatBecomesReadOnly checks that Ping fails for a read-only server. After a failed write the pool
// must close the connection.
func TestAServerThatBecomesReadOnly(t *testing.T) {
	s := open(t, withTables.URL(t), bunstore.Options{})
	pool := s.Pools()["main"]
	pool.SetMaxOpenConns(1)
	if _, err := pool.ExecContext(t.Context(), "SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("ping: %v", err)
	}
	country, size := stock.Country("US"), 1
	write := func() error {
		return s.EditPlans(t.Context(), []stock.PlanEdit{{ID: "p", Country: &country, Size: &size}})
	}
	if err := write(); err == nil || !strings.Contains(err.Error(), "25006") {
		t.Errorf("the first write: %v", err)
	}
	if err := write(); err != nil {
		t.Errorf("the next write, on a new connection: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// TestOfSeveralHostsTheOneThatWrites checks that the store skips a dead host and a read-only host, although the
// URL does not request this.
func TestOfSeveralHostsTheOneThatWrites(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{})
	url := primary.URL(t)
	standby := primary.Standby(t)
	url = strings.Replace(url, primary.Host(), "127.0.0.1:1,"+standby.Host()+","+primary.Host(), 1)
	fill(t, open(t, url, bunstore.Options{}), 1)
}

// TestUnverifiedHosts checks which hosts are reported: those on other machines, without TLS that verifies the server.
func TestUnverifiedHosts(t *testing.T) {
	for url, want := range map[string][]string{
		"postgres://u@db.example/x":                                          {"db.example"},
		"postgres://u@db.example/x?sslmode=disable":                          {"db.example"},
		"postgres://u@db.example/x?sslmode=allow":                            {"db.example"},
		"postgres://u@db.example/x?sslmode=prefer":                           {"db.example"},
		"postgres://u@db.example/x?sslmode=require":                          {"db.example"},
		"postgres://u@db.example/x?sslmode=verify-ca":                        nil,
		"postgres://u@db.example/x?sslmode=verify-full":                      nil,
		"postgres://u@10.0.0.1,10.0.0.2,127.0.0.1/x?sslmode=prefer":          {"10.0.0.1", "10.0.0.2"},
		"postgres://u@127.0.0.1/x":                                           nil,
		"postgres://u@[::1]/x?sslmode=disable":                               nil,
		"postgres://u@localhost/x?sslmode=disable":                           nil,
		"postgres:///x?user=u&host=/run/postgresql":                          nil,
		"postgres://u@127.0.0.1.example/x?sslmode=disable&connect_timeout=1": {"127.0.0.1.example"},
	} {
		s, err := bunstore.Open(t.Context(), url, bunstore.Options{Pooler: bunstore.PoolerNone})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.UnverifiedHosts(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, not %q", url, got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
