// Package pgtest starts PostgreSQL servers for tests.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestStore(t *testing.T) { store, err := bunstore.Open(t.Context(), pgtest.URL(t), …) }
//
// [URL] creates an empty database in a temporary cluster, which all tests of the binary share. The first call starts
// the cluster. The cluster listens on the loopback address only. When the test binary ends, the cluster is removed,
// also if the binary was killed.
//
// A test that kills or reconfigures its server starts a server of its own with [Start]. [StartHACluster] starts three
// servers that Patroni manages.
//
//	test binary ──stdin──▶ supervisor (a shell) ──▶ postgres
//	     │                      │
//	     ╳ exits or dies        └─ reads the end of its stdin: stops postgres, removes the folder
//
// If the environment variable KEYSEAT_TEST_POSTGRES has the URL of a server, [URL] uses that server instead. The user
// in the URL must be able to create databases. With [EnvCitus], [URL] uses a cluster of Citus. If neither variable is
// set and PostgreSQL is not installed, a test is skipped. The test fails instead if the variable CI is true or
// KEYSEAT_REQUIRE_POSTGRES is set.
package pgtest

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// sharedCluster is the cluster that all tests of the binary use. The first use starts it.
var sharedCluster struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// URL creates an empty database and returns its URL. The database is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	if CitusWorkers() > 0 {
		return createOnCitus(t)
	}
	return createDatabase(t, adminURL(t), emptyTemplate)
}

// adminURL returns the URL in [EnvURL], or else the URL of the [sharedCluster] with its administrator as the user.
func adminURL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(EnvURL); url != "" {
		return url
	}
	sharedCluster.once.Do(func() {
		sharedCluster.cluster, sharedCluster.err = newCluster(Options{}, (*Cluster).initCluster)
		if sharedCluster.err == nil {
			var pool *pgxpool.Pool
			pool, sharedCluster.err = pgxpool.New(context.Background(), sharedCluster.cluster.admin())
			sharedPool.Store(pool)
		}
	})
	requirePostgres(t, sharedCluster.err)
	return sharedCluster.cluster.admin()
}

// Main runs the tests of a package, stops the cluster that they share, and exits. Call it in TestMain. Without Main,
// the cluster stops a moment after the binary has ended.
func Main(m *testing.M) {
	code := m.Run()
	if sharedCluster.cluster != nil {
		if pool := sharedPool.Load(); pool != nil {
			pool.Close()
		}
		sharedCluster.cluster.remove()
	} else {
		for _, name := range lasting.names {
			dropDatabase(os.Getenv(EnvURL), name)
		}
	}
	os.Exit(code)
}

// lasting has the names of the databases that several tests use. They are dropped after all tests.
var lasting struct {
	sync.Mutex
	names []string
}

// dropAtEnd makes [Main] drop a database on the server that [EnvURL] names.
func dropAtEnd(name string) {
	lasting.Lock()
	defer lasting.Unlock()
	lasting.names = append(lasting.names, name)
}

// A Template is a filled database that tests copy, because a copy takes less time than filling another database.
type Template struct {
	Fill func(url string) error // fills a new database and closes its connections

	once sync.Once
	name string
	err  error
}

// URL creates a copy of the template and returns the URL of the copy, which is dropped when the test ends.
func (m *Template) URL(t testing.TB) string {
	t.Helper()
	admin := adminURL(t)
	return createDatabase(t, admin, m.filled(t, admin))
}

// filled returns the name of the template's database. The first call creates and fills it.
func (m *Template) filled(t testing.TB, admin string) string {
	t.Helper()
	m.once.Do(func() {
		m.name = randomName()
		dropAtEnd(m.name)
		if m.err = copyDatabase(context.Background(), admin, emptyTemplate, m.name); m.err == nil {
			m.err = m.Fill(withDatabase(admin, m.name))
		}
	})
	if m.err != nil {
		t.Fatalf("fill a database: %v", m.err)
	}
	return m.name
}

// A Pool has copies of a template for many short tests. Tests use a copy one after another, because clearing a copy
// takes less time than creating and dropping one.
type Pool struct {
	From  *Template
	Clear func(url string) error // brings a copy back to the state of the template, and closes its connections

	mu   sync.Mutex
	free []string // the names of the copies that no test uses
}

// URL returns the URL of a copy that no other test uses. The copy returns to the pool when the test ends.
func (p *Pool) URL(t testing.TB) string {
	t.Helper()
	admin, name := adminURL(t), p.take()
	if name == "" {
		name = randomName()
		dropAtEnd(name)
		if err := copyDatabase(t.Context(), admin, p.From.filled(t, admin), name); err != nil {
			t.Fatalf("create a database: %v", err)
		}
	}
	url := withDatabase(admin, name)
	t.Cleanup(func() {
		if err := p.Clear(url); err != nil {
			t.Errorf("clear a database: %v", err)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, name)
	})
	return url
}

// take takes a free copy from the pool, and returns its name. The name is "" if no copy is free.
func (p *Pool) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return ""
	}
	name := p.free[last]
	p.free = p.free[:last]
	return name
}
