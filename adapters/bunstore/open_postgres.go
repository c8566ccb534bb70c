package bunstore

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

func openPostgres(url string, o Options) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, describeURL(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	several := follow(config)
	if _, named := config.RuntimeParams["application_name"]; !named {
		config.RuntimeParams["application_name"] = "keyseat"
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(settings(o.Distributed)))
	pool.SetMaxOpenConns(o.Conns)
	pool.SetMaxIdleConns(o.Conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db := bun.NewDB(pool, pgdialect.New())
	s := &Store{dialect: postgres{}, read: db, write: db, owned: true, fallback: several, dedicated: o.Dedicated}
	if o.Distributed {
		s.dialect = newDistributed()
	}
	return s, nil
}

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

// settings are no parameters of the connection, because poolers refuse those that they do not know.
//
// The server ends the transaction of a process that was stopped in the middle of it, since the rows
// that it has locked are everybody's, and lets nobody wait for a row much longer than its holder should
// take: a batch of changes waits as one. It plans a prepared statement once, which otherwise takes
// longer than to run it; and because the tables may have been empty then, it reads none of them whole
// where there is an index, nor sorts all that an index has where the first few are asked for, and
// remembers no row for the next time, since none is asked for twice. A sequential scan that must be is
// made to look so dear by that that it would be compiled, which takes longer still. But Citus can plan no
// statement on several servers without its arguments.
func settings(distributed bool) func(ctx context.Context, conn *pgx.Conn) error {
	plan := `plan_cache_mode = force_generic_plan`
	if distributed {
		plan = `plan_cache_mode = force_custom_plan`
	}
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			SET idle_in_transaction_session_timeout = '10s';
			SET lock_timeout = '2s';
			SET `+plan+`;
			SET enable_seqscan = off;
			SET enable_bitmapscan = off;
			SET enable_memoize = off;
			SET jit = off`, pgx.QueryExecModeSimpleProtocol)
		return err
	}
}
