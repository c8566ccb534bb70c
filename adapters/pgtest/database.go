package pgtest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// emptyTemplate is the name of an empty database that every server has.
const emptyTemplate = "template0"

// createDatabase creates a copy of the database template and returns the URL of the copy. The URL admin names the
// server. The copy is dropped when the test ends.
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

// copyDatabase creates the database name as a copy of the database template. By default, PostgreSQL 15 and later write
// the copy to the write-ahead log. With the strategy file_copy, the copy takes a third of the time, unless the server
// syncs each file.
func copyDatabase(ctx context.Context, admin, template, name string) error {
	return withConn(ctx, admin, func(ctx context.Context, conn *pgx.Conn) error {
		var copyFiles bool
		const query = "SELECT current_setting('server_version_num')::int >= 150000 AND NOT current_setting('fsync')::bool"
		if err := conn.QueryRow(ctx, query).Scan(&copyFiles); err != nil {
			return err
		}
		create := "CREATE DATABASE " + name + " TEMPLATE " + template
		if copyFiles {
			create += " STRATEGY file_copy"
		}
		_, err := conn.Exec(ctx, create)
		return err
	})
}

// dropDatabase drops a database. It ignores errors, because the test may have killed the server.
func dropDatabase(admin, name string) {
	_ = execute(context.Background(), admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// withDatabase returns the URL with name as its database. The URL may name several hosts.
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

// sharedPool has connections to the [sharedCluster]. It is nil until that cluster has started.
var sharedPool atomic.Pointer[pgxpool.Pool]

// withConn calls do with a connection that no other call uses, for at most ten seconds. Connections of the [sharedPool]
// are kept, because a new connection costs a server more time than most statements.
func withConn(ctx context.Context, url string, do func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if pool := sharedPool.Load(); pool != nil && url == pool.Config().ConnString() {
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return do(ctx, conn.Conn()) })
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // the statements on the connection have ended
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
