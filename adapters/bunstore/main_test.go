package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	_ "modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/adapters/storetest"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", strconv.Itoa(100/racing)); err != nil { // a value on the command line takes precedence
		panic(err)
	}
	pgtest.Main(m)
}

// databases maps each kind of database to a function that creates an empty database and returns its URL. A
// URL with the prefix "distributed:" is a Postgres that the test opens as a distributed store.
var databases = map[string]func(testing.TB) string{
	"postgres":    pgtest.URL,
	"distributed": func(t testing.TB) string { return "distributed:" + pgtest.URL(t) },
	"sqlite":      func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "key seat?%.db") },
}

// migrated maps each kind of database to a function that creates a database with the tables of the newest version, and
// returns its URL.
var migrated = map[string]func(testing.TB) string{
	"postgres":    withTables.URL,
	"distributed": func(t testing.TB) string { return distributedURL(t, withTables.URL) },
	"sqlite":      sqliteWithTables,
}

// reused is like [migrated], for suites of many short tests. On Postgres, their databases are emptied and used again.
var reused = map[string]func(testing.TB) string{
	"postgres":    reusable.URL,
	"distributed": func(t testing.TB) string { return distributedURL(t, reusable.URL) },
	"sqlite":      sqliteWithTables,
}

// withTables has the tables of the newest version and no rows.
var withTables = pgtest.Template{Fill: createTables}

var reusable = pgtest.Pool{From: &withTables, Clear: func(url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), "DELETE FROM keyseat_daemons; DELETE FROM keyseat_strangers; DELETE FROM keyseat_logins; DELETE FROM "+strings.Join(tables, "; DELETE FROM "))
	return errors.Join(err, db.Close())
}}

// createTables brings the schema of a database up to date.
func createTables(url string) error {
	s, err := bunstore.Open(context.Background(), url, bunstore.Options{})
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(context.Background()), s.Close())
}

// sqliteWithTables copies an SQLite file with the tables of the newest version and no rows.
func sqliteWithTables(t testing.TB) string {
	t.Helper()
	content, err := sqliteFile()
	url := databases["sqlite"](t)
	if err == nil {
		err = os.WriteFile(strings.TrimPrefix(url, "sqlite:"), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return url
}

var sqliteFile = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "keyseat-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // the operating system cleans its temporary folder too
	path := filepath.Join(folder, "keyseat.db")
	if err := createTables("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// onBoth runs a test on SQLite, on Postgres and on distributed Postgres, in parallel. The databases have tables.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	onEach(t, migrated, test)
}

// onEmpty is like [onBoth], but the databases are empty.
func onEmpty(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	onEach(t, databases, test)
}

func onEach(t *testing.T, create map[string]func(testing.TB) string, test func(t *testing.T, url string)) {
	t.Helper()
	for name, url := range create {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, url(t))
		})
	}
}

// onPostgres runs a test on Postgres and on distributed Postgres, in parallel. The databases have tables.
func onPostgres(t *testing.T, test func(t *testing.T, url string)) {
	for _, name := range []string{"postgres", "distributed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, migrated[name](t))
		})
	}
}

// form removes the prefix "distributed:" from a URL and reports whether it was there.
func form(url string) (plain string, distributed bool) { return strings.CutPrefix(url, "distributed:") }

// on returns a store on a database that is already open.
func on(t testing.TB, db *bun.DB, url string) *bunstore.Store {
	t.Helper()
	open := bunstore.New
	if _, distributed := form(url); distributed {
		open = bunstore.NewDistributed
	}
	s, err := open(db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens a database and creates its tables.
func open(t testing.TB, url string, o bunstore.Options) *bunstore.Store {
	t.Helper()
	url, o.Distributed = form(url)
	s, err := bunstore.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// dataSource returns the driver of a database and the data source name for it.
func dataSource(address string) (driver, dsn string) {
	address, _ = form(address)
	path, embedded := strings.CutPrefix(address, "sqlite:")
	if !embedded {
		return "pgx", address
	}
	file := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "_txlock=immediate&_busy_timeout=10000&_pragma=secure_delete(1)"}
	return "sqlite", file.String()
}

// raw opens a database without a store.
func raw(t testing.TB, address string) *sql.DB {
	t.Helper()
	driver, dsn := dataSource(address)
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStore(t *testing.T) {
	for name, url := range reused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t testing.TB) storetest.Store { return open(t, url(t), bunstore.Options{}) })
		})
	}
}
