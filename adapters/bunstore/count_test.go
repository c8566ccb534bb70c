package bunstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	"modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// TestStatementsDoNotGrowWithTheBatch checks that batches of 1 and of 200 need the same number of statements.
func TestStatementsDoNotGrowWithTheBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		fill(t, open(t, url, bunstore.Options{}), 400)
		s, sent := counted(t, url)
		one := counts(t, s, sent, 1)
		many := counts(t, s, sent, 200)
		for step, n := range one {
			t.Logf("%s: %d", step, n)
			if n == 0 || many[step] != n {
				t.Errorf("%s: %d statements for 1, %d for 200", step, n, many[step])
			}
		}
	})
}

// counts returns the number of statements for each step in the life of n tasks.
func counts(t *testing.T, s *bunstore.Store, sent *atomic.Int64, n int) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	step := func(name string, do func() error) {
		before := sent.Load()
		if err := do(); err != nil {
			t.Fatal(name, err)
		}
		all[name] = sent.Load() - before
	}
	codes := make([]keys.Code, n)
	for i := range codes {
		codes[i] = code("K", 200*min(n-1, 1)+i)
	}
	var views []tasks.Snapshot
	var refs []tasks.Ref
	step("an idle poll", func() (err error) { _, err = s.Lease(t.Context(), "w", n, time.Minute); return err })
	step("view", func() (err error) { views, err = s.Snapshots(t.Context(), codes); return err })
	step("find", func() error { _, err := s.Find(t.Context(), codes); return err })
	var changes []tasks.Change
	for _, v := range views {
		changes = append(changes, upgrade(t, v))
	}
	step("accept", func() error { apply(t, s, changes...); return nil })
	step("repeat", func() error { apply(t, s, changes...); return nil })
	step("lease", func() (err error) { views, err = s.Lease(t.Context(), "w", n, time.Minute); return err })
	if len(views) != n {
		t.Fatalf("leased %d of %d", len(views), n)
	}
	changes = nil
	for _, v := range views {
		refs, changes = append(refs, v.Task.Ref()), append(changes, success(v))
	}
	step("extend", func() (err error) { _, err = s.Extend(t.Context(), refs, time.Minute); return err })
	step("settle", func() error { apply(t, s, changes...); return nil })
	return all
}

// counted opens a store and returns it with a counter of its statements.
func counted(t *testing.T, url string) (*bunstore.Store, *atomic.Int64) {
	t.Helper()
	sent := &atomic.Int64{}
	return observed(t, url, func(sql string, _ []driver.NamedValue) {
		if !strings.HasPrefix(sql, "PRAGMA") { // does not count PRAGMA, because a timer decides when the log is truncated
			sent.Add(1)
		}
	}), sent
}

// observed opens a store that calls sent before each statement, and with the text BEGIN before each transaction.
func observed(t *testing.T, url string, sent func(sql string, args []driver.NamedValue)) *bunstore.Store {
	t.Helper()
	name, dsn := dataSource(url)
	inner, err := stdlib.GetDefaultDriver().(driver.DriverContext).OpenConnector(dsn)
	var speaks schema.Dialect = pgdialect.New()
	if name == "sqlite" {
		inner, err = sqlite.NewConnector(dsn)
		speaks = sqlitedialect.New()
	}
	if err != nil {
		t.Fatal(err)
	}
	db := bun.NewDB(sql.OpenDB(observer{inner, sent}), speaks)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return on(t, db, url)
}

// An observer is a driver that reports its statements.
type observer struct {
	driver.Connector
	sent func(sql string, args []driver.NamedValue)
}

func (o observer) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := o.Connector.Connect(ctx)
	return observing{conn, o.sent}, err
}

type observing struct {
	driver.Conn
	sent func(sql string, args []driver.NamedValue)
}

func (o observing) QueryContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Rows, error) {
	o.sent(sql, args)
	return o.Conn.(driver.QueryerContext).QueryContext(ctx, sql, args)
}

func (o observing) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	o.sent(sql, args)
	return o.Conn.(driver.ExecerContext).ExecContext(ctx, sql, args)
}

func (o observing) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	o.sent("BEGIN", nil)
	return o.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

func (o observing) CheckNamedValue(v *driver.NamedValue) error {
	if checker, checks := o.Conn.(driver.NamedValueChecker); checks {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
