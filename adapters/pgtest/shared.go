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
