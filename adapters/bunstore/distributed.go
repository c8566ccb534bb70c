package bunstore

import (
	"context"
	"slices"

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

// Distributed reports whether the rows of keys and tasks may be on many servers, see [Options.Distributed]. While a
// server cannot be reached, a statement about any of its keys fails, and a statement about keys of the other servers
// succeeds.
func (s *Store) Distributed() bool { return s.isDistributed }

// lockArchivable implements [layout]. It waits for transactions that change the same keys.
func (distributed) lockArchivable(ctx context.Context, s session, want query.Rows, entries map[keys.Code]int) (map[keys.Code]bool, error) {
	type row struct {
		code  keys.Code
		n     int
		fresh bool
	}
	ours := map[keys.Code]bool{}
	named := query.Args{"codes": want.Texts("code")}
	if err := s.runOnce(ctx, s.sqlOf("lock keys"), named, query.Discard); err != nil {
		return nil, err
	}
	err := s.runOnce(ctx, `
		SELECT h.code, count(*), bool_or(h.fresh) FROM keyseat_history h WHERE h.code = ANY (@codes) GROUP BY h.code`,
		named, query.Each(func(r row) { ours[r.code] = r.n == entries[r.code] && !r.fresh }))
	if err != nil {
		return nil, err
	}
	return ours, s.runOnce(ctx, `
		SELECT m.code FROM keyseat_listeners l JOIN keyseat_mail m ON m.listener = l.name
		WHERE m.code = ANY (@codes) AND m.country = '' AND m.newest > m.told`,
		named, query.Each(func(code keys.Code) { ours[code] = false }))
}

// distributedTables lists the tables to distribute. Their column "code" decides the server of each row. The second and
// third table are colocated with the first table, so that all rows of one key are on one server.
var distributedTables = []string{keyTable.Name, taskTable.Name, historyTable.Name}

// A Distribution describes distributed tables.
type Distribution struct {
	Tables  []string // the tables that [Store.Distribute] has distributed
	Shards  int      // the number of shards of each table
	Servers int      // the number of servers with shards
	Workers int      // the number of these servers, except the coordinator
}

// shardsPerWorker is the default number of shards per worker. Each statement goes to every shard that has some of its
// rows, so a large number of shards is slow. With more than one shard per worker, a new worker can take some shards.
const shardsPerWorker = 2

// Distribute distributes keyseat_keys, keyseat_tasks and keyseat_history over the workers of Citus 12 or later. Each
// table gets the given number of shards; 0 means two per worker. The key's code decides the shard, so all rows of a key
// are on one worker. The other tables stay on the coordinator. Distribute may run again: it skips distributed tables.
//
// No other program may use the database while Distribute runs. Afterwards open each store with [Options.Distributed].
func (s *Store) Distribute(ctx context.Context, shards int) (d Distribution, err error) {
	if s.isSQLite {
		return d, s.wrap("distribute", errNotPostgres)
	}
	if s.write.Stats().MaxOpenConnections == 1 { // the migration lock holds one connection, and the statements need another
		return d, s.wrap("distribute", dberr.Public("a pool of one connection is too small"))
	}
	err = s.withMigrationLock(ctx, func(ctx context.Context, _ bun.Tx) error {
		known, citus, err := s.reader().readDistribution(ctx)
		if err == nil && !citus {
			err = dberr.Public("the database has no Citus: install the extension on every server (shared_preload_libraries = 'citus'), " +
				"CREATE EXTENSION citus, and add the workers with citus_add_node")
		}
		for _, table := range distributedTables {
			if err == nil && !slices.Contains(known, table) {
				if err = s.distributeTable(ctx, table, shards); err == nil {
					d.Tables = append(d.Tables, table)
				}
			}
			if err == nil {
				_, err = s.write.DB.ExecContext(ctx, s.sqlOf("drop local copy"), table)
			}
		}
		if err == nil {
			err = s.write.DB.QueryRowContext(ctx, s.sqlOf("citus shards"), distributedTables[0]).Scan(&d.Shards, &d.Servers, &d.Workers)
		}
		return err
	})
	return d, s.wrap("distribute", err)
}

// distributeTable distributes one table. The second and third of [distributedTables] are colocated with the first.
func (s *Store) distributeTable(ctx context.Context, table string, shards int) error {
	first := distributedTables[0]
	if table != first {
		_, err := s.write.DB.ExecContext(ctx, `SELECT create_distributed_table($1, 'code', colocate_with => $2)`, table, first)
		return err
	}
	if shards == 0 {
		var workers int
		if err := s.write.DB.QueryRowContext(ctx, s.sqlOf("citus workers")).Scan(&workers); err != nil {
			return err
		}
		shards = shardsPerWorker * max(1, workers) // without workers the coordinator has the shards
	}
	// The first table must not be colocated with a table of another program.
	_, err := s.write.DB.ExecContext(ctx, `SELECT create_distributed_table($1, 'code', colocate_with => 'none', shard_count => $2)`, table, shards)
	return err
}
