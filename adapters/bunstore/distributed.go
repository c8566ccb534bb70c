package bunstore

import (
	"context"
	"sync/atomic"

	"github.com/uptrace/bun"
	known "github.com/uptrace/bun/dialect"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
)

// errNotPostgres refuses to distribute the tables of SQLite.
const errNotPostgres = dberr.Public("only PostgreSQL's tables can be distributed, not those of SQLite")

// NewDistributed is like [New], for the PostgreSQL databases that [Options.Distributed] describes.
func NewDistributed(db *bun.DB) (*Store, error) {
	if db.Dialect().Name() != known.PG {
		return nil, errNotPostgres
	}
	return &Store{database: postgresDatabase(db, true)}, nil
}

// distributed is the layout of a PostgreSQL database with tables on many servers. The rows of keyseat_keys,
// keyseat_tasks and keyseat_history may be on any server; the key's code decides which. The other tables are on
// the server that runs the transaction. The layout also suits a database without SKIP LOCKED. A statement about
// the three tables follows these rules:
//
//   - It locks only the rows that it writes. The store reads rows without a lock and writes them by
//     compare-and-set on version and fence. If another transaction was faster, the store runs its own again.
//   - It names the codes as an array, so that Citus skips the servers that have none of them.
//   - It gets each time as an argument, because each server has its own clock.
//
// Two transactions that write the same rows in different orders may deadlock. The database detects this and
// aborts a transaction, which the store then runs again.
type distributed struct {
	contention *atomic.Int32 // see [contentionTTL]
}

// timed returns a session whose @now is the present time of the database, which it reads first.
func (distributed) timed(ctx context.Context, s session) (session, error) {
	now, err := readTime(ctx, s.runCached)
	s.sql = query.Distributed(now)
	return s, err
}

// retry runs the statement again after a conflict, see [retry].
func (distributed) retry(ctx context.Context, run func() error) error { return retry(ctx, run) }

// whereCodes implements [layout]. Citus does not skip a server because of a join with the codes, but because of this
// condition.
func (distributed) whereCodes(table string) string { return "AND " + table + ".code = ANY (@codes)" }

// sessionSettings returns these settings, of which other databases than Citus ignore the last two:
//
//   - The server plans a statement each time, because Citus needs the arguments to plan a statement on several
//     servers.
//   - Citus sends SET LOCAL to the workers, see [distributed.txSettings].
//   - Citus opens one connection to each worker for a statement. By default it opens several if the statement is about
//     several shards, and spends more time on connections than on the statement.
func (distributed) sessionSettings() string {
	return `SET plan_cache_mode = force_custom_plan;
		SET citus.propagate_set_commands = 'local';
		SET citus.max_adaptive_executor_pool_size = 1`
}

// txSettings sets the timeout for locks on the workers too. A worker does not have the settings of the session. Without
// the timeout, a locked row would delay all changes of a batch until the context ends.
func (distributed) txSettings(pooled bool) []string {
	all := []string{`SET LOCAL lock_timeout = '2s'`}
	if pooled {
		all = append([]string{`SELECT set_config('citus.propagate_set_commands', 'local', true),
			set_config('citus.max_adaptive_executor_pool_size', '1', true)`}, all...)
	}
	return all
}

// checkTables accepts all tables, because some databases distribute them by other means than Citus.
func (distributed) checkTables(context.Context, session) error { return nil }

// Distributed reports whether the rows of keys and tasks may be on many servers, see [Options.Distributed]. While one of
// them is away, a statement about keys of several servers fails, and a statement about the other keys alone succeeds.
func (s *Store) Distributed() bool {
	_, is := s.layout.(distributed)
	return is
}

// snapshotQueries implements [layout].
func (distributed) snapshotQueries(codes []keys.Code, read *snapshotSet) []query.Query {
	return []query.Query{timeQuery(&read.at), statement("snapshots distributed", query.Args{"codes": codeTexts(codes)}, read.add())}
}
