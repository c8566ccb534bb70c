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

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// A Pooler is the kind of connection pooler between a store and its PostgreSQL server.
type Pooler string

// The kinds of poolers. With a pooler in transaction mode each transaction may run on another server
// connection, which other programs also use. The store then changes no setting beyond its transaction and
// prepares no statement. This mode is correct behind every pooler, but slower.
const (
	PoolerAuto        Pooler = "auto"        // [Open] connects and detects the pooler
	PoolerNone        Pooler = "none"        // each connection is a server connection
	PoolerSession     Pooler = "session"     // each connection keeps its server connection
	PoolerTransaction Pooler = "transaction" // a connection keeps nothing from one transaction to the next
)

// startup holds parameters of each connection. PgBouncer keeps them for each of its clients in every mode,
// so no other client sees them. DateStyle and TimeZone have the spelling that the server reports.
// With another spelling PgBouncer would set them again for each transaction.
var startup = map[string]string{
	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
	"DateStyle":                   "ISO, MDY",
	"TimeZone":                    "UTC",
}

// setStartupParams puts the parameters of startup into a configuration. They replace parameters of the same names
// from the URL or the environment.
func setStartupParams(c *pgx.ConnConfig) {
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

// checkStartupParams returns an error if the server, or the pooler in front of it, has not accepted the parameters.
// Without them text would be stored wrongly. An argument inside the text of a statement could also end its
// quotes.
func checkStartupParams(conn *pgconn.PgConn) error {
	for _, name := range []string{"client_encoding", "standard_conforming_strings", "DateStyle"} {
		if got := conn.ParameterStatus(name); got != startup[name] {
			return dberr.Public(fmt.Sprintf("the server or its pooler has %s = %q, and does not take %q when a connection starts", name, got, startup[name]))
		}
	}
	return nil
}

// A poolerFinder detects the pooler and sets up new connections, as far as the pooler allows.
type poolerFinder struct {
	pooler   Pooler
	settings string
}

// connected sets up a new connection. A server sends its process id when a connection starts; a pooler
// invents one. With [PoolerAuto] the first connection compares this id with the id that a statement
// returns. If they are equal, no pooler is in between.
func (f *poolerFinder) connected(ctx context.Context, conn *pgx.Conn) error {
	if err := checkStartupParams(conn.PgConn()); err != nil {
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

// find detects the pooler with [PoolerAuto]. No other goroutine may use the pool yet.
func (f *poolerFinder) find(ctx context.Context, pool *sql.DB) error {
	if f.pooler != PoolerAuto {
		return nil
	}
	one, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	if f.pooler != PoolerAuto { // the first connection has detected it
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

// discard closes a connection that is not set up, instead of returning it to its pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // this error makes the pool drop the connection
	_ = conn.Close()
}

const (
	poolerTries = 8
	poolerWait  = 2 * time.Second // the wait for a second server connection
)

// holdsSession reports whether a connection keeps its server connection while another is in a transaction.
// It makes several tries and returns false if the connection changes or shares its server connection in
// any of them. It also returns false if the pooler gives no second server connection in time. That is safe,
// because the mode for transactions is always correct.
//
// Each try reads the process id of the server (pid) in this order:
//
//	one: pid, pid          pid
//	two:          BEGIN, pid     ROLLBACK
func holdsSession(ctx context.Context, pool *sql.DB, one *sql.Conn) (bool, error) {
	short, cancel := context.WithTimeout(ctx, poolerWait)
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

// sharesServer makes one try: it reports whether connection one changes its server connection or shares the
// server connection of two.
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
	defer func() { _ = tx.Rollback() }() // the transaction has nothing to commit
	err = errors.Join(tx.QueryRowContext(ctx, backendPID).Scan(&other), one.QueryRowContext(ctx, backendPID).Scan(&third))
	return first != second || second != third || first == other, err
}
