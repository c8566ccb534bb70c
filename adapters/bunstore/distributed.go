package bunstore

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/uptrace/bun"
	known "github.com/uptrace/bun/dialect"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// errNotPostgres refuses to distribute the tables of SQLite.
const errNotPostgres = dberr.Public("only PostgreSQL's tables can be distributed, not those of SQLite")

// NewDistributed is like [New], for the PostgreSQL databases that [Options.Distributed] describes.
func NewDistributed(db *bun.DB) (*Store, error) {
	if db.Dialect().Name() != known.PG {
		return nil, errNotPostgres
	}
	return &Store{database: database{dialect: postgresDialect(), layout: newDistributed(), read: db, write: db}}, nil
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

func newDistributed() distributed { return distributed{contention: &atomic.Int32{}} }

// timed returns a session whose @now is the present time of the database, which it reads first.
func (distributed) timed(ctx context.Context, s session) (session, error) {
	now, err := readTime(ctx, s.runCached)
	s.sql = query.PostgresAt(now)
	return s, err
}

// retry runs the statement again after a conflict, see [retry].
func (distributed) retry(ctx context.Context, run func() error) error { return retry(ctx, run) }

// skipLocked returns "": the statement waits for locked rows.
func (distributed) skipLocked() string { return "" }

// sessionSettings returns these settings, of which other databases than Citus ignore the last two:
//
//   - The server plans a statement each time, because Citus needs the arguments to plan a statement on several
//     servers.
//   - Citus sends SET LOCAL to the workers, see [distributed.txSettings].
//   - Citus opens one connection to each worker for a statement. With its default, several for a statement about several
//     shards, it spends more time on connections than on the statement.
func (distributed) sessionSettings() string {
	return `SET plan_cache_mode = force_custom_plan;
		SET citus.propagate_set_commands = 'local';
		SET citus.max_adaptive_executor_pool_size = 1`
}

// txSettings sets the timeout for locks on the workers too. A worker does not have the settings of the session, so
// that a locked row would delay all changes of a batch until the context ends.
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

var snapshotsDistributedSQL = `
	SELECT @at, ` + viewColumns + ` FROM keyseat_keys k
	LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
	WHERE k.code = ANY (@codes)`

// snapshots implements [layout]. A statement cannot join the wanted codes with the keys of many servers, so its
// result lacks unknown keys. Each of them gets an empty snapshot.
func (distributed) snapshots(ctx context.Context, run query.Runner, codes []keys.Code) ([]tasks.Snapshot, error) {
	now, err := readTime(ctx, run)
	if err != nil {
		return nil, err
	}
	found, one := map[keys.Code]tasks.Snapshot{}, newSnapshotScanner()
	args := query.Args{"at": now, "codes": codeTexts(codes)}
	err = run(ctx, query.Query{SQL: snapshotsDistributedSQL, Args: args, Scan: func(r query.Row) error {
		v, err := one.scan(r)
		found[v.Key.Code] = v
		return err
	}})
	views := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		v, known := found[code]
		if !known {
			v.At = now
		}
		views[i] = v
	}
	return views, err
}

// distributedTables lists the tables to distribute by their column code. The second and third are colocated with the
// first: the rows of one key are on one server.
var distributedTables = []string{keyTable.Name, taskTable.Name, historyTable.Name}

const errNoCitus = dberr.Public("the database has no Citus: install the extension on every server " +
	"(shared_preload_libraries = 'citus'), CREATE EXTENSION citus, and add the workers with citus_add_node")

// Distribute distributes keyseat_keys, keyseat_tasks and keyseat_history over the workers of Citus 12 or
// later. The key's code decides the worker, so all rows of a key are on one worker. The other tables stay
// on the coordinator. Distribute returns the tables that it has distributed. It may be run again, because
// it leaves tables alone that are distributed already.
//
// No other program may use the database while Distribute runs. Afterwards every store must be opened with
// [Options.Distributed].
func (s *Store) Distribute(ctx context.Context) (done []string, err error) {
	if s.isSQLite {
		return nil, s.wrap("distribute", errNotPostgres)
	}
	if s.write.Stats().MaxOpenConnections == 1 { // the lock holds one connection
		return nil, s.wrap("distribute", dberr.Public("a pool of one connection is too small"))
	}
	err = s.withMigrationLock(ctx, func(ctx context.Context, _ bun.Tx) error {
		known, citus, err := s.reader().readDistribution(ctx)
		if err == nil && !citus {
			err = errNoCitus
		}
		for i, table := range distributedTables {
			if err == nil && !slices.Contains(known, table) {
				if err = s.distributeTable(ctx, table, i == 0); err == nil {
					done = append(done, table)
				}
			}
			if err == nil {
				err = s.dropLocalCopy(ctx, table)
			}
		}
		return err
	})
	return done, s.wrap("distribute", err)
}

// distributeTable distributes one table. first is true for the first table of [distributedTables]; the others are
// colocated with it.
func (s *Store) distributeTable(ctx context.Context, table string, first bool) error {
	colocate := distributedTables[0]
	if first {
		colocate = "none" // colocated with no table of another program
	}
	_, err := s.write.DB.ExecContext(ctx, `SELECT create_distributed_table($1, 'code', colocate_with => $2)`, table, colocate)
	return err
}

// dropLocalCopy removes the copy of a table's rows that Citus leaves on the disk of the coordinator, where no
// query sees it. The copy holds sealed accounts, which must disappear together with their tasks. If a call
// of [Store.Distribute] was interrupted, the next call removes the copy.
func (s *Store) dropLocalCopy(ctx context.Context, table string) error {
	_, err := s.write.DB.ExecContext(ctx, `SELECT truncate_local_data_after_distributing_table(CAST($1 AS text)::regclass)
		WHERE pg_relation_size(CAST($1 AS text)::regclass) > 0`, table)
	return err
}

// ErrDistributed is the error of a store that was opened without [Options.Distributed] although its tables
// are distributed.
var ErrDistributed error = dberr.Public("the tables are distributed by Citus: the store must be opened for that (--database-distributed)")

// checkTables implements [layout]. It returns [ErrDistributed] if the tables are distributed.
func (oneServer) checkTables(ctx context.Context, s session) error {
	if s.isSQLite {
		return nil
	}
	tables, _, err := s.readDistribution(ctx)
	if err == nil && len(tables) > 0 {
		err = ErrDistributed
	}
	return err
}

// readDistribution returns the distributed tables of keyseat, and whether the database has Citus.
func (s session) readDistribution(ctx context.Context) (tables []string, citus bool, err error) {
	err = s.runOnce(ctx, `SELECT 1 WHERE to_regclass('pg_dist_partition') IS NOT NULL`, nil, func(query.Row) error {
		citus = true
		return nil
	})
	if err != nil || !citus {
		return nil, citus, err
	}
	err = s.runOnce(ctx, `SELECT CAST(c.relname AS text) FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
		WHERE p.partmethod = 'h' AND c.oid = to_regclass(c.relname) AND c.relname LIKE 'keyseat%'`, nil, func(r query.Row) error {
		var name string
		err := r.Scan([]query.Column{query.Text(&name)})
		tables = append(tables, name)
		return err
	})
	return tables, citus, err
}
