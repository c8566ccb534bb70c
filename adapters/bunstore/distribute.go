package bunstore

import (
	"context"
	"errors"
	"slices"

	"github.com/uptrace/bun"
)

// byCode are the tables to distribute by their column code, those that follow beside the first.
var byCode = []string{keyTable.name, taskTable.name, historyTable.name}

// What [Store.Distribute] refuses.
const (
	errNoCitus = plainError("the database has no Citus: install the extension on every server " +
		"(shared_preload_libraries = 'citus'), CREATE EXTENSION citus, and add the workers with citus_add_node")
	errNotPostgres = plainError("only PostgreSQL's tables can be distributed, not those of SQLite")
)

// ErrDistributed says that the tables are distributed, and that the store was opened without
// [Options.Distributed].
var ErrDistributed = errors.New("the tables are distributed by Citus: the store must be opened for that (--database-distributed)")

// Distribute has Citus 12 or later lay keyseat_keys, keyseat_tasks and keyseat_history out over its workers,
// by the key's code and each key's rows together; the other tables stay on the coordinator. It gives the
// tables that it has distributed, and leaves those that were already: it may be run again. Nobody else
// may use the database meanwhile, and whoever does later must open it with [Options.Distributed].
func (s *Store) Distribute(ctx context.Context) (done []string, err error) {
	if s.embedded() {
		return nil, s.reader().tell("distribute", errNotPostgres)
	}
	if s.write.Stats().MaxOpenConnections == 1 { // the lock has one
		return nil, s.reader().tell("distribute", plainError("a pool of one connection is too small"))
	}
	err = s.alonePostgres(ctx, func(ctx context.Context, _ bun.Tx) error {
		known, citus, err := s.distributed(ctx)
		if err == nil && !citus {
			err = errNoCitus
		}
		for i, table := range byCode {
			if err == nil && !slices.Contains(known, table) {
				if err = s.distribute(ctx, table, i == 0); err == nil {
					done = append(done, table)
				}
			}
			if err == nil {
				err = s.forgetLocal(ctx, table)
			}
		}
		return err
	})
	return done, s.reader().tell("distribute", err)
}

// distribute has Citus lay a table out, next to the first one of ours.
func (s *Store) distribute(ctx context.Context, table string, first bool) error {
	beside := byCode[0]
	if first {
		beside = "none" // of the tables of others
	}
	_, err := s.write.DB.ExecContext(ctx, `SELECT create_distributed_table($1, 'code', colocate_with => $2)`, table, beside)
	return err
}

// forgetLocal removes the copy of the rows that Citus leaves on the coordinator's disk, out of the sight of SQL.
// It holds sealed accounts, which are to go with their tasks. A call after one that broke off finds it too.
func (s *Store) forgetLocal(ctx context.Context, table string) error {
	_, err := s.write.DB.ExecContext(ctx, `SELECT truncate_local_data_after_distributing_table(CAST($1 AS text)::regclass)
		WHERE pg_relation_size(CAST($1 AS text)::regclass) > 0`, table)
	return err
}

// distributed gives those tables that are, and says whether Citus is there at all.
func (s *Store) distributed(ctx context.Context) (tables []string, citus bool, err error) {
	err = s.reader().query(ctx, `SELECT 1 WHERE to_regclass('pg_dist_partition') IS NOT NULL`, nil, func(row) error {
		citus = true
		return nil
	})
	if err != nil || !citus {
		return nil, citus, err
	}
	err = s.reader().query(ctx, `SELECT CAST(c.relname AS text) FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
		WHERE p.partmethod = 'h' AND c.oid = to_regclass(c.relname) AND c.relname LIKE 'keyseat%'`, nil, func(r row) error {
		var name string
		err := r.scan([]field{text[string]{&name}})
		tables = append(tables, name)
		return err
	})
	return tables, citus, err
}
