package bunstore_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestStatementsForManyServers checks that Citus accepts all statements of a distributed store about tables on
// many servers. As a control, statements of a plain Postgres store must fail the check.
func TestStatementsForManyServers(t *testing.T) {
	for _, name := range []string{"distributed", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, migrated[name](t), false)
			found := 0
			for _, sql := range l.tour() {
				if fault := unfit(sql); fault != "" && name == "distributed" {
					t.Errorf("%s: %s", fault, sql)
				} else if fault != "" {
					found++
				}
			}
			if name == "postgres" && found < 10 {
				t.Errorf("only %d statements of the other form are unfit: the test sees little", found)
			}
		})
	}
}

// tour runs every operation of a store, and returns the statements that were sent.
func (l *lab) tour() []string {
	l.Helper()
	for _, o := range operations() {
		if l.suits(o, mode{first: true}) {
			l.make(o)
		}
	}
	l.clear()
	l.leased()
	s := l.frail
	page, err := s.Tasks(l.life, adminstore.TaskFilter{}, adminstore.Page{Limit: 9})
	if err != nil || len(page.Entries) != 1 {
		l.Fatal(page, err)
	}
	task := *page.Entries[0].Task
	for _, read := range []func() error{
		func() error { _, err := s.Keys(l.life, adminstore.KeyFilter{}, adminstore.Page{Limit: 9}); return err },
		func() error {
			_, err := s.Keys(l.life, adminstore.KeyFilter{Country: "US", Used: new(true)}, adminstore.Page{Limit: 9})
			return err
		},
		func() error {
			_, err := s.Keys(l.life, adminstore.KeyFilter{Used: new(false)}, adminstore.Page{Order: adminstore.Newest, Limit: 9})
			return err
		},
		func() error {
			after := adminstore.TaskFilter{}.Position(page.Entries[0])
			_, err := s.Tasks(l.life, adminstore.TaskFilter{State: adminstore.OpenTask}, adminstore.Page{After: after, Limit: 9})
			return err
		},
		func() error {
			_, err := s.Tasks(l.life, adminstore.TaskFilter{State: adminstore.SuspectTask}, adminstore.Page{Limit: 9})
			return err
		},
		func() error { _, err := s.Search(l.life, adminstore.ParseSearch("K", true, 9)); return err },
		func() error { _, err := s.Task(l.life, task.ID); return err },
		func() error { _, err := s.Batch(l.life, "none"); return err },
		func() error { _, err := s.History(l.life, task.Code); return err },
		func() error { _, err := s.QueueStats(l.life); return err },
		func() error { _, err := s.Records(l.life, "", 9); return err },
		func() error { _, err := s.Record(l.life, task.Code); return err },
		func() error { _, err := s.PlanAudits(l.life); return err },
		func() error { _, err := s.Lease(l.life, "w", 9, time.Minute); return err },
	} {
		if err := read(); err != nil {
			l.Error(err)
		}
	}
	return l.sent
}

// make runs an operation on an empty database.
func (l *lab) make(o operation) {
	l.Helper()
	l.clear()
	if err := o.prepare(l)(l.frail); err != nil {
		l.Fatalf("%s: %v", o.name, err)
	}
}

// TestChangesNameTheirKeys checks that statements that accept and settle tasks name their keys, so that Citus
// sends them only to the servers with those keys. It also checks that Citus commits them in two phases.
func TestChangesNameTheirKeys(t *testing.T) {
	l := newLab(t, migrated["distributed"](t), false)
	for _, o := range changing() {
		l.make(o)
	}
	history := 0
	for _, sql := range l.sent {
		if spreadOut.MatchString(sql) && !namesCodes.MatchString(sql) && !strings.HasPrefix(sql, "INSERT INTO") {
			t.Errorf("it names no keys: %s", sql)
		}
		if strings.HasPrefix(sql, "INSERT INTO keyseat_history") {
			if history++; !strings.Contains(sql, ") SELECT ") {
				t.Errorf("Citus may commit it in one phase: %s", sql)
			}
		}
	}
	if history == 0 {
		t.Error("no history was written")
	}
}

var (
	spreadOut    = regexp.MustCompile(`keyseat_(keys|tasks|history)\b`)
	refused      = regexp.MustCompile(`FOR UPDATE|FOR SHARE|LATERAL|\bctid\b|EXISTS \(SELECT 1 FROM keyseat_(keys|tasks|history)|FROM want\s+LEFT JOIN`)
	writesTables = regexp.MustCompile(`(UPDATE|DELETE FROM|INSERT INTO) keyseat_(keys|tasks|history)\b`)
	theirClock   = regexp.MustCompile(`statement_timestamp|\bnow\(\)|clock_timestamp`)
	namesCodes   = regexp.MustCompile(`\bcode = ANY \(CAST\(\$\d+ AS text\[\]\)\)`)
)

// unfit returns the fault of a statement for many servers, or "".
func unfit(sql string) string {
	text := strings.TrimSpace(sql)
	inserts := strings.HasPrefix(text, "INSERT INTO keyseat_history") // its SELECT runs on one server and may read the clock
	switch {
	case strings.Contains(text, "SKIP LOCKED"):
		return "it skips what is locked"
	case !spreadOut.MatchString(text):
		return ""
	case refused.MatchString(text):
		return "it has " + refused.FindString(text)
	case theirClock.MatchString(text) && !inserts:
		return "it reads the clocks of many servers"
	case strings.HasPrefix(text, "UPDATE") && !namesCodes.MatchString(text):
		return "it names no codes"
	case strings.HasPrefix(text, "UPDATE") && strings.Contains(text, "interval"):
		return "it computes a time, which Citus refuses with a column" // because the sum depends on the session's time zone
	case strings.HasPrefix(text, "WITH") && writesTables.MatchString(text):
		return "it writes in a statement with WITH"
	}
	return ""
}

// TestManyLease has workers of several stores lease simultaneously. Each task must go to exactly one worker,
// all tasks must be leased, and each worker must get at least a quarter of its share.
func TestManyLease(t *testing.T) {
	const workers, each, n = 4, 10, 2000 / racing
	url := migrated["distributed"](t)
	first := open(t, url, bunstore.Options{})
	fill(t, first, n)
	apply(t, first, upgrades(t, first, n)...)
	got := make([][]keys.Code, workers)
	start, done := make(chan bool), make(chan error, workers)
	for w := range workers {
		s := open(t, url, bunstore.Options{})
		go func() {
			<-start
			for {
				views, err := s.Lease(t.Context(), "w", each, time.Hour)
				if err != nil || len(views) == 0 {
					done <- err
					return
				}
				for _, v := range views {
					got[w] = append(got[w], v.Key.Code)
				}
			}
		}()
	}
	close(start)
	var errs error
	for range workers {
		errs = errors.Join(errs, <-done)
	}
	if errs != nil {
		t.Fatal(errs)
	}
	all := map[keys.Code]bool{}
	for w, codes := range got {
		t.Logf("worker %d has leased %d of %d", w, len(codes), n)
		if len(codes) < n/workers/4 {
			t.Errorf("worker %d has leased %d of %d", w, len(codes), n)
		}
		for _, code := range codes {
			if all[code] {
				t.Errorf("%s was leased twice", code)
			}
			all[code] = true
		}
	}
	if len(all) != n {
		t.Errorf("%d of %d were leased", len(all), n)
	}
}

// fakeCitus creates fakes of the functions and tables of Citus that [bunstore.Store.Distribute] uses. The functions
// record their calls. Each table has a shard on the coordinator and one on each of two workers.
const fakeCitus = `
	CREATE TABLE pg_dist_partition (nth serial, logicalrelid regclass, partmethod "char", said text);
	CREATE TABLE pg_dist_node (isactive boolean, noderole text, shouldhaveshards boolean);
	INSERT INTO pg_dist_node VALUES (true, 'primary', true), (true, 'primary', true), (true, 'primary', false), (true, 'secondary', true);
	CREATE TABLE pg_dist_placement AS SELECT n AS shardid, n - 1 AS groupid FROM generate_series(1, 3) n;
	CREATE VIEW pg_dist_shard AS SELECT logicalrelid, n AS shardid FROM pg_dist_partition, generate_series(1, 3) n;
	CREATE FUNCTION truncate_local_data_after_distributing_table(name regclass) RETURNS void LANGUAGE sql
		AS $$ INSERT INTO pg_dist_partition (said) VALUES ('no local ' || name) $$;
	CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text, shard_count int DEFAULT NULL) RETURNS void LANGUAGE sql
		AS $$ INSERT INTO pg_dist_partition (logicalrelid, partmethod, said)
			VALUES (name, 'h', concat(name, ' by ', by, ' beside ', colocate_with, ' in ' || shard_count)) $$`

// TestDistribute checks the calls of Citus, and that each table is distributed only once. Afterwards a store
// that locks rows of these tables must refuse them.
func TestDistribute(t *testing.T) {
	t.Parallel()
	url := withTables.URL(t)
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	if _, err := s.Distribute(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "has no Citus") {
		t.Errorf("without Citus: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), fakeCitus); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1)
	const breaks = `ALTER TABLE pg_dist_partition ADD CONSTRAINT breaks CHECK (logicalrelid <> 'keyseat_tasks'::regclass)`
	if _, err := db.ExecContext(t.Context(), breaks); err != nil {
		t.Fatal(err)
	}
	want := []string{"keyseat_keys", "keyseat_tasks", "keyseat_history"}
	if d, err := s.Distribute(t.Context(), 0); err == nil || !slices.Equal(d.Tables, want[:1]) {
		t.Fatalf("where the second breaks off: %v, %v", d, err)
	}
	if _, err := db.ExecContext(t.Context(), `ALTER TABLE pg_dist_partition DROP CONSTRAINT breaks`); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Distribute(t.Context(), 0); err != nil || !slices.Equal(d.Tables, want[1:]) || d.Shards != 3 || d.Servers != 3 || d.Workers != 2 {
		t.Fatalf("distributed %v, %v", d, err)
	}
	if err := s.Migrate(t.Context()); !errors.Is(err, bunstore.ErrDistributed) {
		t.Errorf("a store with locks: %v", err)
	}
	other := open(t, "distributed:"+url, bunstore.Options{})
	if d, err := other.Distribute(t.Context(), 9); err != nil || len(d.Tables) > 0 || d.Shards != 3 {
		t.Errorf("once more: %v, %v", d, err)
	}
	var said string
	if err := db.QueryRowContext(t.Context(), `SELECT string_agg(said, '; ' ORDER BY nth) FROM pg_dist_partition`).Scan(&said); err != nil ||
		said != "keyseat_keys by code beside none in 4; no local keyseat_keys; "+ // here the call for the next table fails
			"no local keyseat_keys; keyseat_tasks by code beside keyseat_keys; keyseat_history by code beside keyseat_keys; no local keyseat_history; "+
			"no local keyseat_keys; no local keyseat_history" {
		t.Errorf("said %q, %v", said, err)
	}
}

func TestOnlyPostgresIsDistributed(t *testing.T) {
	t.Parallel()
	url := databases["sqlite"](t)
	if _, err := open(t, url, bunstore.Options{}).Distribute(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "only PostgreSQL") {
		t.Errorf("distributed: %v", err)
	}
	if _, err := bunstore.Open(t.Context(), url, bunstore.Options{Distributed: true}); err == nil || !strings.Contains(err.Error(), "only PostgreSQL") {
		t.Errorf("opened: %v", err)
	}
}

// TestSettingsOfDistributedTransactions checks that each transaction sets its timeout for locks, which Citus then sends
// to the workers. A trigger on a task records the settings of Apply, Lease and Extend.
func TestSettingsOfDistributedTransactions(t *testing.T) {
	t.Parallel()
	url := migrated["distributed"](t)
	notOnCitus(t, url)
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	const spy = `
		CREATE TABLE seen (setting text);
		CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO seen SELECT concat_ws(' ', current_setting('lock_timeout'), current_setting('citus.propagate_set_commands', true),
				current_setting('citus.max_adaptive_executor_pool_size', true));
			RETURN NEW;
		END $$;
		CREATE TRIGGER spy AFTER INSERT OR UPDATE ON keyseat_tasks FOR EACH ROW EXECUTE FUNCTION spy()`
	if _, err := db.ExecContext(t.Context(), spy); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 3)
	shared := on(t, bun.NewDB(db, pgdialect.New()), url) // its sessions have no settings
	changes := upgrades(t, s, 3)
	for i, c := range []struct {
		name, want string
		store      *bunstore.Store
	}{
		{"its own sessions", "2s local 1", s},
		{"the sessions of another program", "2s", shared},
		{"a pooler", "2s local 1", shared.BehindPooler()},
	} {
		if _, err := db.ExecContext(t.Context(), "TRUNCATE seen"); err != nil {
			t.Fatal(err)
		}
		apply(t, c.store, changes[i])
		views, err := c.store.Lease(t.Context(), "w", 1, time.Minute)
		if err != nil || len(views) != 1 {
			t.Fatal(views, err)
		}
		if _, err := c.store.Extend(t.Context(), []tasks.Ref{views[0].Task.Ref()}, time.Minute); err != nil {
			t.Fatal(err)
		}
		var got string
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT string_agg(DISTINCT trim(setting), '; '), count(*) FROM seen").Scan(&got, &n); err != nil {
			t.Fatal(err)
		}
		if n != 3 || got != c.want {
			t.Errorf("%s: %d writes with the settings %q", c.name, n, got)
		}
	}
}
