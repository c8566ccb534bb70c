// Package pgxconn connects to PostgreSQL, and runs queries on a connection of pgx without database/sql in between. That
// is faster, because database/sql waits for the result of each statement, and watches each statement with a goroutine.
//
// [Open] returns a pool. It detects a pooler between the program and the server.
//
//	*sql.Conn ── With ──▶ Conn
//	                        Statements   each statement alone; the server keeps its plan
//	                        Scans        statements that read whole tables
//	                        Transaction  a whole transaction in one round trip
//	                        Pipeline     a transaction; one round trip for the queries of one call of Run
//
// A [Pipeline] with two calls of Run takes two round trips:
//
//	client   BEGIN  lock  read ──▶             write  COMMIT ──▶
//	server                        3 results ──▶                  2 results ──▶
//
// If a statement fails, the server skips all statements that were sent after it, also the COMMIT.
//
// Behind a pooler in transaction mode a connection keeps nothing from one transaction to the next. Therefore nothing is
// prepared there, and each transaction sends its settings after BEGIN.
//
// If a connection of the pool is dead, a [RetryCheck] decides whether the statements may run again on another one.
package pgxconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// The kinds of connection poolers, see bunstore.Pooler.
const (
	PoolerAuto        = "auto"
	PoolerNone        = "none"
	PoolerSession     = "session"
	PoolerTransaction = "transaction"
)

// A Pool is a pool of connections to a PostgreSQL server. With several hosts it uses the host that accepts writes.
type Pool struct {
	*sql.DB
	Pooler    string // the pooler that was given or detected
	MultiHost bool   // the configuration names several hosts
}

// Open returns a pool for a configuration, and changes the configuration. The argument settings is SQL that sets up a
// session. Behind a pooler in transaction mode, no session is set up. With [PoolerAuto] Open connects and detects the
// pooler; otherwise the first statement connects.
func Open(ctx context.Context, c *pgx.ConnConfig, pooler, settings string) (Pool, error) {
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	multiHost := followPrimary(c)
	finder := &poolerFinder{pooler, settings}
	if _, named := c.RuntimeParams["application_name"]; !named {
		finder.settings += "; SET application_name = keyseat" // not a startup parameter, because a pooler would show this name to other clients
	}
	setStartupParams(c)
	pool := stdlib.OpenDB(*c, stdlib.OptionAfterConnect(finder.connected))
	if err := finder.find(ctx, pool); err != nil {
		return Pool{}, errors.Join(err, pool.Close())
	}
	return Pool{pool, finder.pooler, multiHost}, nil
}

// followPrimary makes the pool use the server that accepts writes, also after a failover. It reports whether the
// URL names several hosts.
//
//   - Of several hosts, the pool connects only to a host that accepts writes. A value of
//     target_session_attrs in the URL, other than any, takes precedence.
//   - Each of several hosts has a connect timeout of 1 s, so that a request has time to try the next host.
//     A single host has 5 s. The URL may set another timeout.
//   - A connection is closed when a statement shows that its server has become read-only.
func followPrimary(c *pgx.ConnConfig) (multiHost bool) {
	timeout := 5 * time.Second
	multiHost = slices.ContainsFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != c.Host || f.Port != c.Port })
	if multiHost {
		timeout = time.Second
		if c.ValidateConnect == nil {
			c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = timeout
	}
	fatal := c.OnPgError
	c.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		return e.Code != pgerrcode.ReadOnlySQLTransaction && fatal(conn, e)
	}
	return multiHost
}

// startup holds the parameters with which each connection starts. PgBouncer supports these parameters in every mode,
// and applies them only to the client that sent them. DateStyle and TimeZone are spelled as the server reports them.
// Otherwise PgBouncer would set them again for each transaction.
var startup = map[string]string{
	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
	"DateStyle":                   "ISO, MDY",
	"TimeZone":                    "UTC",
}

// setStartupParams puts the parameters of startup into a configuration, instead of those of the URL or the environment.
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
// Without the parameters, texts could be stored wrongly, and a value that is quoted in the text of a statement could
// end its own quotes (SQL injection).
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
	pooler   string
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
	if f.pooler != PoolerAuto { // the first connection has detected that no pooler is in between
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
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // because of this error the pool drops the connection
	_ = conn.Close()
}

const (
	poolerTries = 8
	poolerWait  = 2 * time.Second // the time limit of [holdsSession]
)

// holdsSession reports whether connection one keeps its server connection while connection two is in a transaction. It
// makes several tries. It returns false if, in any try, connection one changes its server connection or shares it with
// connection two. It also returns false if the pooler gives no second server connection in time. False is the safe
// result, because [PoolerTransaction] is correct behind every pooler.
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

// sharesServer makes one try of [holdsSession]. It reports whether connection one changes its server connection or
// shares it with connection two.
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
