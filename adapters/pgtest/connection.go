package pgtest

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

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
