package bunstore

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// distributedTables lists the tables to distribute by their column code. The second and third are colocated with the
// first: the rows of one key are on one server.
var distributedTables = []string{keyTable.Name, taskTable.Name, historyTable.Name}

const errNoCitus = dberr.Public("the database has no Citus: install the extension on every server " +
	"(shared_preload_libraries = 'citus'), CREATE EXTENSION citus, and add the workers with citus_add_node")

// A Distribution describes distributed tables.
type Distribution struct {
	Tables  []string // the tables that [Store.Distribute] has distributed
	Shards  int      // the number of shards of each table
	Servers int      // the number of servers with shards
	Workers int      // the same without the coordinator
}

// shardsPerWorker is the default number of shards per worker. Each statement goes to every shard that has some of its
// rows, so a large number of shards is slow. With more than one per worker, a new worker can take shards of the others.
const shardsPerWorker = 2

// Distribute distributes keyseat_keys, keyseat_tasks and keyseat_history over the workers of Citus 12 or
// later. Each table gets the given number of shards; 0 means two per worker. The key's code decides the shard,
// so all rows of a key are on one worker. The other tables stay on the coordinator. Distribute may be run
// again, because it leaves tables alone that are distributed already.
//
// No other program may use the database while Distribute runs. Afterwards every store must be opened with
// [Options.Distributed].
func (s *Store) Distribute(ctx context.Context, shards int) (d Distribution, err error) {
	if s.isSQLite {
		return d, s.wrap("distribute", errNotPostgres)
	}
	if s.write.Stats().MaxOpenConnections == 1 { // the lock holds one connection
		return d, s.wrap("distribute", dberr.Public("a pool of one connection is too small"))
	}
	err = s.withMigrationLock(ctx, func(ctx context.Context, _ bun.Tx) error {
		known, citus, err := s.reader().readDistribution(ctx)
		if err == nil && !citus {
			err = errNoCitus
		}
		for _, table := range distributedTables {
			if err == nil && !slices.Contains(known, table) {
				if err = s.distributeTable(ctx, table, shards); err == nil {
					d.Tables = append(d.Tables, table)
				}
			}
			if err == nil {
				err = s.dropLocalCopy(ctx, table)
			}
		}
		if err == nil {
			err = s.write.DB.QueryRowContext(ctx, sqlOf("citus shards"), distributedTables[0]).Scan(&d.Shards, &d.Servers, &d.Workers)
		}
		return err
	})
	return d, s.wrap("distribute", err)
}

// distributeTable distributes one table. The tables after the first of [distributedTables] are colocated with it, and
// have as many shards.
func (s *Store) distributeTable(ctx context.Context, table string, shards int) error {
	first := distributedTables[0]
	if table != first {
		_, err := s.write.DB.ExecContext(ctx, `SELECT create_distributed_table($1, 'code', colocate_with => $2)`, table, first)
		return err
	}
	if shards == 0 {
		var workers int
		if err := s.write.DB.QueryRowContext(ctx, sqlOf("citus workers")).Scan(&workers); err != nil {
			return err
		}
		shards = shardsPerWorker * max(1, workers) // without workers the coordinator has the shards
	}
	// It is colocated with no table of another program.
	_, err := s.write.DB.ExecContext(ctx, `SELECT create_distributed_table($1, 'code', colocate_with => 'none', shard_count => $2)`, table, shards)
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
	tables, err = s.names(ctx, "citus tables")
	return tables, citus, err
}
