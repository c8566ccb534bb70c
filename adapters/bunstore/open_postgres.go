package bunstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

func openPostgres(ctx context.Context, url string, o Options) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, describeURL(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	several := follow(config)
	finder := &poolerFinder{o.Pooler, settings(o.Distributed)}
	if _, named := config.RuntimeParams["application_name"]; !named {
		finder.settings += "; SET application_name = keyseat" // other clients of a pooler would see it as a parameter
	}
	begin(config)
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(finder.connected))
	if err := finder.find(ctx, pool); err != nil {
		return nil, errors.Join(session{on: pool, dialect: postgres{}}.tell("connect", err), pool.Close())
	}
	pool.SetMaxOpenConns(o.Conns)
	pool.SetMaxIdleConns(o.Conns)
	pool.SetConnMaxIdleTime(idleTime)
	db := bun.NewDB(pool, pgdialect.New())
	s := &Store{
		dialect: postgres{}, read: db, write: db, owned: true, fallback: several, dedicated: o.Dedicated, pooler: finder.pooler,
	}
	if o.Distributed {
		s.dialect = newDistributed()
	}
	if s.pooler == PoolerTransaction {
		return s.BehindPooler(), nil
	}
	return s, nil
}

// idleTime is how long a connection rests before it is closed. The connections of a server or a pooler
// are few, and others wait for them, such as an operator's command.
const idleTime = 10 * time.Second

// readOnly is the SQLSTATE of a write on a server that takes none.
const readOnly = "25006"

// follow makes the pool find the server that takes writes, wherever that moves: of several hosts none
// else is connected to, one that is silent leaves a request the time to try the next, and a connection
// to a server that has become read-only is closed as soon as it shows. It says whether there are several.
func follow(c *pgx.ConnConfig) (several bool) {
	timeout := 5 * time.Second
	several = slices.ContainsFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != c.Host || f.Port != c.Port })
	if several {
		timeout = time.Second
		if c.ValidateConnect == nil {
			c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = timeout
	}
	fatal := c.OnPgError
	c.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool { return e.Code != readOnly && fatal(conn, e) }
	return several
}

// settings are those of a session. They are no parameters of the connection, because poolers refuse
// those that they do not know.
//
// The server ends the transaction of a process that was stopped in the middle of it, since the rows
// that it has locked are everybody's, and lets nobody wait for a row much longer than its holder should
// take: a batch of changes waits as one. It plans a prepared statement once, which otherwise takes
// longer than to run it; and because the tables may have been empty then, it reads none of them whole
// where there is an index, nor sorts all that an index has where the first few are asked for, and
// remembers no row for the next time, since none is asked for twice. A sequential scan that must be is
// made to look so dear by that that it would be compiled, which takes longer still. But Citus can plan no
// statement on several servers without its arguments. What the database or the role has set for statements
// of its own kind, the isolation level say, does not hold here.
func settings(distributed bool) string {
	plan := `plan_cache_mode = force_generic_plan`
	if distributed {
		plan = `plan_cache_mode = force_custom_plan`
	}
	return `
		SET IntervalStyle = postgres;
		SET default_transaction_isolation = 'read committed';
		SET idle_in_transaction_session_timeout = '10s';
		SET lock_timeout = '2s';
		SET ` + plan + `;
		SET enable_seqscan = off;
		SET enable_bitmapscan = off;
		SET enable_memoize = off;
		SET jit = off`
}
