package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Pooler says what stands between a store and its PostgreSQL server.
type Pooler string

// With a pooler in transaction mode each transaction may run on another server connection, which other
// programs use too. The store then sets nothing that outlives a transaction and prepares no statement.
// That form is correct behind every pooler, and slower.
const (
	PoolerAuto        Pooler = "auto"        // [Open] connects and finds out
	PoolerNone        Pooler = "none"        // each connection is a server connection
	PoolerSession     Pooler = "session"     // each connection keeps its server connection
	PoolerTransaction Pooler = "transaction" // a connection keeps nothing from one transaction to the next
)

// startup are parameters of each connection. PgBouncer keeps them for each of its clients in every mode,
// so no other client sees them. DateStyle and TimeZone are written as the server reports them, because
// PgBouncer would set them again for each transaction otherwise.
var startup = map[string]string{
	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
	"DateStyle":                   "ISO, MDY",
	"TimeZone":                    "UTC",
}

// begin puts the parameters into a configuration, in place of those that the URL or the environment has.
func begin(c *pgx.ConnConfig) {
	for given := range c.RuntimeParams {
		for name := range startup {
			if strings.EqualFold(given, name) {
				delete(c.RuntimeParams, given)
			}
		}
	}
	for name, value := range startup {
		c.RuntimeParams[name] = value
	}
}

// heeded says whether the server, or the pooler before it, has taken the parameters. Without them text
// is stored wrongly, and an argument that is written into a statement could leave its quotes.
func heeded(conn *pgconn.PgConn) error {
	for _, name := range []string{"client_encoding", "standard_conforming_strings", "DateStyle"} {
		if got := conn.ParameterStatus(name); got != startup[name] {
			return plainError(fmt.Sprintf("the server or its pooler has %s = %q, and does not take %q when a connection starts", name, got, startup[name]))
		}
	}
	return nil
}

// A poolerFinder sets new connections up, as far as the pooler allows.
type poolerFinder struct {
	pooler   Pooler
	settings string
}

// connected sets a new connection up. A server says its process id when a connection starts, and a
// pooler makes one up: the first connection of [PoolerAuto] compares it with what a statement sees.
func (f *poolerFinder) connected(ctx context.Context, conn *pgx.Conn) error {
	if err := heeded(conn.PgConn()); err != nil {
		return err
	}
	if f.pooler == PoolerAuto {
		var pid uint32
		if err := conn.QueryRow(ctx, backendPID).Scan(&pid); err != nil || pid != conn.PgConn().PID() {
			return err
		}
		f.pooler = PoolerNone
	}
	if f.pooler == PoolerTransaction {
		return nil
	}
	_, err := conn.Exec(ctx, f.settings, pgx.QueryExecModeSimpleProtocol)
	return err
}

const backendPID = "SELECT CAST(pg_backend_pid() AS bigint)"

// find finds the pooler out with a pool that nobody uses yet.
func (f *poolerFinder) find(ctx context.Context, pool *sql.DB) error {
	if f.pooler != PoolerAuto {
		return nil
	}
	one, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	if f.pooler != PoolerAuto { // the first connection has found it
		return one.Close()
	}
	defer discard(one)
	held, err := holdsSession(ctx, pool, one)
	f.pooler = PoolerTransaction
	if held {
		f.pooler = PoolerSession
	}
	return err
}

// discard closes a connection that is not set up.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // by which its pool drops it
	_ = conn.Close()
}

const (
	poolerTries    = 8
	poolerPatience = 2 * time.Second // for a second server connection
)

// holdsSession says whether a connection keeps its server connection while another is in a transaction.
// One shared server connection in any of several tries disproves it. So does a pooler that gives no
// second server connection in time, because the form for transactions is right in any case.
//
//	one: pid, pid          pid
//	two:          BEGIN, pid     ROLLBACK
func holdsSession(ctx context.Context, pool *sql.DB, one *sql.Conn) (bool, error) {
	short, cancel := context.WithTimeout(ctx, poolerPatience)
	defer cancel()
	two, err := pool.Conn(short)
	if err != nil {
		return false, ctx.Err()
	}
	defer discard(two)
	for range poolerTries {
		shared, err := sharesServer(short, one, two)
		if err != nil || shared {
			return false, ctx.Err()
		}
	}
	return true, nil
}

func sharesServer(ctx context.Context, one, two *sql.Conn) (shared bool, err error) {
	var first, second, third, other uint32
	err = errors.Join(one.QueryRowContext(ctx, backendPID).Scan(&first), one.QueryRowContext(ctx, backendPID).Scan(&second))
	if err != nil {
		return false, err
	}
	tx, err := two.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to commit
	err = errors.Join(tx.QueryRowContext(ctx, backendPID).Scan(&other), one.QueryRowContext(ctx, backendPID).Scan(&third))
	return first != second || second != third || first == other, err
}
