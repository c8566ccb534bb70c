package bunstore

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

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
