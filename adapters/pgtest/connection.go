package pgtest

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// idle has connections to the server that all tests of the binary share, because a new connection costs the server
// more time than most statements.
var idle struct {
	sync.Mutex
	url   string
	conns []*pgx.Conn
}

// keepConnections makes [withConn] keep connections to the URL.
func keepConnections(url string) {
	idle.Lock()
	defer idle.Unlock()
	idle.url = url
}

// withConn calls do with a connection that no other call uses, for at most ten seconds.
func withConn(ctx context.Context, url string, do func(ctx context.Context, conn *pgx.Conn) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn := takeConn(url)
	if conn == nil {
		if conn, err = pgx.Connect(ctx, url); err != nil {
			return err
		}
	}
	if err = do(ctx, conn); err != nil || !keepConn(url, conn) {
		_ = conn.Close(ctx) // its statements have ended
	}
	return err
}

// takeConn returns an idle connection, or nil.
func takeConn(url string) *pgx.Conn {
	idle.Lock()
	defer idle.Unlock()
	last := len(idle.conns) - 1
	if url != idle.url || last < 0 {
		return nil
	}
	conn := idle.conns[last]
	idle.conns = idle.conns[:last]
	return conn
}

// keepConn reports whether the connection is kept.
func keepConn(url string, conn *pgx.Conn) bool {
	idle.Lock()
	defer idle.Unlock()
	if url != idle.url {
		return false
	}
	idle.conns = append(idle.conns, conn)
	return true
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
