package bunstore

import (
	"context"
	"sync/atomic"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

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
// Two transactions that write the same rows in different orders deadlock. The database detects this and
// aborts a transaction, which the store then runs again.
type distributed struct {
	oneServer
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

// planCacheMode makes the server plan a statement each time, because Citus needs the arguments to plan a statement
// on several servers.
func (distributed) planCacheMode() string { return "force_custom_plan" }

// checkTables accepts all tables, because some databases distribute them by other means than Citus.
func (distributed) checkTables(context.Context, session) error { return nil }
