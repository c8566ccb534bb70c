package bunstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// Open opens a database. The URL has one of these forms:
//
//	sqlite:PATH        an SQLite file; Open creates a missing file
//	postgres://…       a PostgreSQL server, or several hosts
//	postgresql://…     the same
//
// Of several hosts Open uses the host that accepts writes. With [PoolerAuto] Open connects to a Postgres;
// otherwise the first statement connects. Open creates no tables: [Store.Migrate] does. The errors of Open
// never contain the URL, because it may contain a password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, o.filled())
	case "postgres", "postgresql":
		return openPostgres(ctx, url, o.filled())
	}
	return nil, errors.New("a database URL begins with sqlite: or postgres://")
}

func openPostgres(ctx context.Context, url string, o Options) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, dberr.DescribeURL(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	multiHost := followPrimary(config)
	var where layout = oneServer{}
	if o.Distributed {
		where = newDistributed()
	}
	finder := &poolerFinder{o.Pooler, sessionSettings(where)}
	if _, named := config.RuntimeParams["application_name"]; !named {
		finder.settings += "; SET application_name = keyseat" // a connection parameter would be visible to other clients of a pooler
	}
	setStartupParams(config)
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(finder.connected))
	if err := finder.find(ctx, pool); err != nil {
		return nil, errors.Join(postgresDialect().wrap("connect", err), pool.Close())
	}
	pool.SetMaxOpenConns(o.Conns)
	pool.SetMaxIdleConns(o.Conns)
	pool.SetConnMaxIdleTime(idleTime)
	db := bun.NewDB(pool, pgdialect.New())
	s := &Store{
		database: database{dialect: postgresDialect(), layout: where, read: db, write: db},
		ownsDB:   true, multiHost: multiHost, dedicated: o.Dedicated, pooler: finder.pooler,
	}
	if s.pooler == PoolerTransaction {
		return s.BehindPooler(), nil
	}
	return s, nil
}

// idleTime is the time after which an idle connection is closed. A server or a pooler has few
// connections, and other processes wait for them, such as a command of an operator.
const idleTime = 10 * time.Second

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

// sessionSettings returns the SQL that sets up a session. The settings are not parameters of the connection,
// because poolers refuse unknown parameters. They override settings of the database or the role, such as
// the isolation level.
//
// Timeouts:
//
//   - idle_in_transaction_session_timeout ends the transaction of a stopped process, because other
//     processes need the rows that it has locked.
//   - lock_timeout ends the wait for a row soon after its holder should have finished, because all
//     changes of a batch wait together.
//
// Plans: the server plans a prepared statement once (a generic plan), because planning takes longer than
// running these statements. The tables may have been empty at that moment. Therefore the settings leave
// the planner few bad choices:
//
//   - enable_seqscan is off, so that the server uses an index wherever one exists.
//   - enable_bitmapscan is off, so that a query for the first few rows does not sort a whole index.
//   - enable_memoize is off, because no statement looks up the same row twice.
//   - jit is off. With enable_seqscan off, an unavoidable sequential scan has a huge estimated cost. The
//     server would compile such a statement, and that takes even longer.
func sessionSettings(where layout) string {
	return `
		SET IntervalStyle = postgres;
		SET default_transaction_isolation = 'read committed';
		SET idle_in_transaction_session_timeout = '10s';
		SET lock_timeout = '2s';
		SET plan_cache_mode = ` + where.planCacheMode() + `;
		SET enable_seqscan = off;
		SET enable_bitmapscan = off;
		SET enable_memoize = off;
		SET jit = off`
}
