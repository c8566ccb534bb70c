package bunstore_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestPlansMadeWhenTablesWereEmpty checks the plans of frequent statements, which the server plans only
// once. They must read few blocks of large tables, although the tables were almost empty when the server
// planned them.
func TestPlansMadeWhenTablesWereEmpty(t *testing.T) {
	t.Parallel()
	const few = 75 // blocks
	p := newPlanner(t)
	p.view("K1")
	p.find("K1")
	p.accept("K1")
	p.extend(p.lease())
	p.login("K1")
	p.grow(20_000)
	var ref tasks.Ref
	for _, call := range []struct {
		name string
		do   func()
	}{
		{"view", func() { p.view("K2") }},
		{"find", func() { p.find("K2") }},
		{"accept", func() { p.accept("K2") }},
		{"lease", func() { ref = p.lease() }},
		{"extend", func() { p.extend(ref) }},
		{"login", func() { p.login("K2") }},
	} {
		before := p.blocks()
		call.do()
		n := p.blocks() - before
		t.Logf("%s has read %d blocks", call.name, n)
		if n > few {
			t.Errorf("%s has read more than %d blocks", call.name, few)
		}
	}
	before := p.blocks()
	p.run(`SELECT count(*) FROM keyseat_tasks WHERE doubt`)
	if n := p.blocks() - before; n <= few {
		t.Errorf("to read all has read %d blocks: nothing is proven", n)
	}
}

// TestPlansThatFilledAfterAnImport checks that a claim reads few blocks if a free slot follows many full plans. The
// statistics say that no plan is full, as they do after an import of plans.
func TestPlansThatFilledAfterAnImport(t *testing.T) {
	t.Parallel()
	const few = 75 // blocks
	p := newPlanner(t)
	p.run(`INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
		SELECT i, 'US', '', '', 5, 0, 0, 0, false, '' FROM generate_series(1, 20000) i`)
	p.run(`VACUUM ANALYZE`)
	p.run(`UPDATE keyseat_plans SET held = size WHERE seq < (SELECT max(seq) FROM keyseat_plans) - 5000`)
	p.run(`VACUUM`)
	p.accept("K1")
	before := p.blocks()
	p.accept("K2")
	n := p.blocks() - before
	t.Logf("the claim has read %d blocks", n)
	if n > few {
		t.Errorf("the claim has read more than %d blocks", few)
	}
}

// A planner is a store with one connection, so that the first plan of each statement stays in use.
type planner struct {
	*testing.T
	store *bunstore.Store
	db    *sql.DB
}

// newPlanner starts a server of its own, because the server plans again after an autovacuum. It does so also when tests in
// other databases create many tables: the queue of invalidations, which all databases share, is then too full.
func newPlanner(t *testing.T) planner {
	s := open(t, pgtest.Start(t, pgtest.Options{Config: []string{"autovacuum=off"}}).URL(t), bunstore.Options{})
	p := planner{t, s, s.Pools()["main"]}
	p.db.SetMaxOpenConns(1)
	p.must(s.EditPlans(t.Context(), []stock.PlanEdit{stock.NewPlanEdit("p", "US", 9)}))
	p.issue("first", "K1", "K2")
	p.run(`VACUUM ANALYZE`) // so that the statistics say that the tables are almost empty
	return p
}

func (p planner) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p planner) issue(batch string, codes ...keys.Code) {
	p.Helper()
	p.must(p.store.ImportKeys(p.Context(), adminstore.ImportBatch{ID: batch, Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for _, code := range codes {
			if !yield(keys.Key{Code: code, Status: keys.Active}, nil) {
				return
			}
		}
	}))
}

func (p planner) view(code keys.Code) tasks.Snapshot {
	p.Helper()
	views, err := p.store.Snapshots(p.Context(), []keys.Code{code})
	p.must(err)
	return views[0]
}

func (p planner) find(code keys.Code) {
	p.Helper()
	_, err := p.store.Find(p.Context(), []keys.Code{code})
	p.must(err)
}

func (p planner) accept(code keys.Code) {
	p.Helper()
	account := tasks.Account{Login: tasks.NewSecret("login"), Password: tasks.NewSecret("a password")}
	change, err := tasks.DefaultRules().Accept(p.view(code),
		tasks.Request{Kind: tasks.Upgrade, Code: code, Country: "US", Account: account}, string(code), false)
	p.must(err)
	change.Task.Sealed = []byte("sealed")
	errs, err := p.store.Apply(p.Context(), []tasks.Change{change})
	p.must(err)
	p.must(errs[0])
}

// lease leases the only due task.
func (p planner) lease() tasks.Ref {
	p.Helper()
	views, err := p.store.Lease(p.Context(), "w", 9, time.Minute)
	p.must(err)
	if len(views) != 1 {
		p.Fatalf("leased %d tasks", len(views))
	}
	return views[0].Task.Ref()
}

func (p planner) extend(ref tasks.Ref) {
	p.Helper()
	errs, err := p.store.Extend(p.Context(), []tasks.Ref{ref}, time.Minute)
	p.must(err)
	p.must(errs[0])
}

// login counts the test of a login, and releases it.
func (p planner) login(code keys.Code) {
	p.Helper()
	tests := []tasks.LoginTest{{Login: string(code), Code: code, Succeeded: true}}
	_, err := p.store.CountLogins(p.Context(), tests)
	p.must(err)
	p.must(p.store.ReleaseLogins(p.Context(), tests))
}

// grow adds n keys, each with a copy of the leased task of K1 and with counts of a login.
func (p planner) grow(n int) {
	p.Helper()
	more := make([]keys.Code, n)
	for i := range more {
		more[i] = keys.Code(fmt.Sprint("B", i))
	}
	p.issue("more", more...)
	p.run(`INSERT INTO keyseat_tasks SELECT (jsonb_populate_record(t, jsonb_build_object('code', k.code, 'id', k.code))).*
		FROM keyseat_tasks t, keyseat_keys k WHERE t.code = 'K1' AND k.batch_id = 'more'`)
	p.run(`INSERT INTO keyseat_logins SELECT code, unnest(ARRAY['', code]), now() + interval '1 day', 1 FROM keyseat_keys WHERE batch_id = 'more'`)
}

func (p planner) run(sql string) {
	p.Helper()
	_, err := p.db.ExecContext(p.Context(), sql)
	p.must(err)
}

// blocks returns the number of blocks read so far. On older servers it waits until the statistics are current.
func (p planner) blocks() (n int) {
	p.Helper()
	if _, err := p.db.ExecContext(p.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
		p.run(`SELECT pg_sleep(1)`) // at its end, the server sends the statistics to a process of its own
		p.run(`SELECT pg_sleep(1)`) // the statistics that are read may be half a second old
	}
	p.must(p.db.QueryRowContext(p.Context(), `
		SELECT sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0) + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))::bigint
		FROM pg_statio_user_tables`).Scan(&n))
	return n
}

// TestAScanLeavesTheSettings checks that a setting for one statement does not stay on the connection for its
// next user.
func TestAScanLeavesTheSettings(t *testing.T) {
	t.Parallel()
	theirs := raw(t, pgtest.URL(t))
	theirs.SetMaxOpenConns(2)
	shared, err := bunstore.New(bun.NewDB(theirs, pgdialect.New()))
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ours := open(t, pgtest.URL(t), bunstore.Options{})
	for _, c := range []struct {
		store *bunstore.Store
		db    *sql.DB
		want  string
	}{{shared, theirs, "on"}, {ours, ours.Pools()["main"], "off"}} {
		c.db.SetMaxOpenConns(1)
		if _, err := c.store.Stock(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := c.db.QueryRowContext(t.Context(), `SHOW enable_seqscan`).Scan(&got); err != nil || got != c.want {
			t.Errorf("enable_seqscan is %s, not %s, %v", got, c.want, err)
		}
	}
}
