// Package pgtest starts PostgreSQL servers for tests.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestStore(t *testing.T) { store, err := bunstore.Open(t.Context(), pgtest.URL(t), …) }
//
// [URL] creates an empty database in a temporary cluster, which all tests of the binary share. The first call
// starts the cluster. The cluster listens on the loopback address only. It is removed when the test binary ends,
// also when the binary is killed.
//
// A test that kills or reconfigures its server starts its own one with [Start]. [StartHACluster] starts three
// servers that Patroni manages.
//
//	test binary ──stdin──▶ supervisor (a shell) ──▶ postgres
//	     │                      │
//	     ╳ exits or dies        └─ reads the end of its stdin: stops postgres, removes the folder
//
// If KEYSEAT_TEST_POSTGRES is set, [URL] uses the cluster of that URL instead. The user in the URL must be able to
// create databases. If the variable is not set and PostgreSQL is not installed, the test is skipped. The test fails
// instead if CI is true or KEYSEAT_REQUIRE_POSTGRES is set.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sharedCluster is the cluster that all tests of the binary use.
var sharedCluster struct {
	once    sync.Once
	cluster *Cluster
	pool    atomic.Pointer[pgxpool.Pool] // of its administrator, from the start of the cluster on
	err     error
}

// URL creates an empty database and returns its URL. The database is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	return createDatabase(t, adminURL(t), emptyTemplate)
}

// adminURL returns the URL of the cluster that the tests of the binary share, with its administrator as the user.
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
			sharedCluster.pool.Store(pool)
		}
	})
	requirePostgres(t, sharedCluster.err)
	return sharedCluster.cluster.admin()
}

// Main runs the tests of a package, stops the shared cluster, and exits. Call it in TestMain. Without it the cluster
// stops a moment after the binary has ended.
func Main(m *testing.M) {
	code := m.Run()
	if sharedCluster.cluster != nil {
		if pool := sharedCluster.pool.Load(); pool != nil {
			pool.Close()
		}
		sharedCluster.cluster.remove()
	} else {
		for _, name := range kept.names {
			dropDatabase(os.Getenv(EnvURL), name)
		}
	}
	os.Exit(code)
}

// emptyTemplate is the empty database of every server.
const emptyTemplate = "template0"

// createDatabase creates a copy of a database on the server of the URL admin and returns its URL. It drops the copy when
// the test ends.
func createDatabase(t testing.TB, admin, template string) string {
	t.Helper()
	name := randomName()
	if err := copyDatabase(t.Context(), admin, template, name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() { dropDatabase(admin, name) })
	return withDatabase(admin, name)
}

func randomName() string { return "keyseat_" + strings.ToLower(rand.Text()) }

// copyDatabase creates a database as a copy of another one. PostgreSQL 15 and later can write the copy to the log. The
// other strategy takes a third of the time, unless the server waits until each file is on the disk.
func copyDatabase(ctx context.Context, admin, from, to string) error {
	return withConn(ctx, admin, func(ctx context.Context, conn *pgx.Conn) error {
		var choose bool
		const can = "SELECT current_setting('server_version_num')::int >= 150000 AND NOT current_setting('fsync')::bool"
		if err := conn.QueryRow(ctx, can).Scan(&choose); err != nil {
			return err
		}
		create := "CREATE DATABASE " + to + " TEMPLATE " + from
		if choose {
			create += " STRATEGY file_copy"
		}
		_, err := conn.Exec(ctx, create)
		return err
	})
}

// dropDatabase ignores the error, because the test may have killed the server.
func dropDatabase(admin, name string) {
	_ = execute(context.Background(), admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// withDatabase returns the URL with another database. The URL may name several hosts.
func withDatabase(url, name string) string {
	base, query, _ := strings.Cut(url, "?")
	if scheme := strings.Index(base, "://") + len("://"); strings.Contains(base[scheme:], "/") {
		base = base[:strings.LastIndex(base, "/")]
	}
	if query != "" {
		query = "?" + query
	}
	return base + "/" + name + query
}

// Pooler starts a PgBouncer in front of the server of the URL target, and returns the URL that leads through
// PgBouncer. The settings are lines of the section [pgbouncer] of its configuration, such as "pool_mode =
// transaction". PgBouncer stops when the test ends. The target must name a user, and must not need a password.
func Pooler(t testing.TB, target string, settings ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		skipOrFail(t, "no PgBouncer was found; install it (apt-get install pgbouncer, or brew install pgbouncer)")
	}
	through, err := startPooler(t, program, target, settings)
	if err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	return through
}

func startPooler(t testing.TB, program, target string, settings []string) (through string, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "keyseat-pgbouncer-") //nolint:usetesting // a folder of the test is closed to other users
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) }) // the operating system cleans its temporary folder too
	port, err := freePort()
	if err != nil {
		return "", err
	}
	config := append([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%s user=%s", u.Hostname(), u.Port(), u.User.Username()),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprint("listen_port = ", port), "unix_socket_dir =", "auth_type = any",
	}, settings...)
	file, log := filepath.Join(folder, "pgbouncer.ini"), filepath.Join(folder, "log")
	err = errors.Join(os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o644), chownToServer(folder)) //nolint:gosec // another user reads it
	if err != nil {
		return "", err
	}
	s, err := supervise(supervisePgBouncer, log, program, file)
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { s.stop("") })
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	return u.String(), waitForPooler(u.String(), log)
}

// waitForPooler waits until the server responds through the pooler.
func waitForPooler(through, log string) error {
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := execute(context.Background(), through, "SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log) // without a log, the error has no details
			return fmt.Errorf("%w: %s", err, text)
		}
	}
}

// withConn calls do with a connection that no other call uses, for at most ten seconds. It keeps connections to the
// [sharedCluster], because a new connection costs a server more time than most statements.
func withConn(ctx context.Context, url string, do func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if pool := sharedCluster.pool.Load(); pool != nil && url == sharedCluster.cluster.admin() {
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return do(ctx, conn.Conn()) })
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // its statements have ended
	return do(ctx, conn)
}

// execute runs one statement. The timeout is ten seconds.
func execute(ctx context.Context, url, sql string) error {
	return withConn(ctx, url, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// queryBool runs a query that returns a bool. The timeout is ten seconds.
func queryBool(ctx context.Context, url, sql string) (value bool, err error) {
	err = withConn(ctx, url, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&value) })
	return value, err
}
