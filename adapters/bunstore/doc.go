// Package bunstore keeps keys, tasks and plans in PostgreSQL or SQLite, through bun.
//
// A [Store] implements every port of a store: [tasks.Store], [tasks.LoginCounter], [adminstore.AdminStore],
// [outbox.Outbox], [audit.Inspector], [archive.Archiver], [stats.TaskStats] and [activity.Store]. [Open] makes a Store
// from a URL. [New] makes a Store from a bun.DB of the program that embeds keyseat. [Store.In] joins a transaction of
// that program. The names of all tables begin with keyseat_.
//
//	Snapshots, Find, Stock  ──▶ one statement
//	Keys, Tasks, Search     ──▶ one statement for the time, then those for the page
//	Lease, Extend           ──▶ one statement (SQLite: one short transaction)
//	Apply                   ──▶ BEGIN
//	                             1 lock keys, tasks, countries   ← in one order, so without deadlock
//	                             2 read the snapshots and plans that may be needed
//	                               decide, check and count in Go ← [tasks.Change.Decide], the changeset, stock.Allocator
//	                             3 read the history of refused changes: were they made before?
//	                             4 write
//	                            COMMIT                           ← never cancelled half way
//	Route, LeaseDeliveries  ──▶ one short transaction, if there is anything to do; history entries
//	                            are marked for routing only while the outbox has a subscriber
//
// On Postgres, Apply takes two round trips: BEGIN and the steps 1 and 2 travel together, and so do step 4 and COMMIT.
// If a change was refused, step 3 is one more round trip. In a distributed store COMMIT is a round trip of its own. If
// the driver of the pool is not pgx, or if the transaction is the caller's, each statement is a round trip of its own.
//
// The server plans a frequent statement once, perhaps while the tables are empty. Therefore each statement is written
// so that the planner cannot choose a plan that is good only for empty tables.
//
// The number of statements does not depend on the size of a batch. Rows travel as arrays on Postgres (a
// single row as plain arguments), and as JSON on SQLite.
//
// A transaction that changes a plan's counters holds a lock on the row of the plan's country. Therefore a claim sees
// every free slot, and no plan is oversold. Triggers keep sums of the counters in that row for Stock.
//
// A distributed store ([Options.Distributed]) is Postgres with the rows of keys and tasks on many servers.
// It locks no key or task before it writes:
//
//   - Step 1 locks only countries, and reads keys and tasks without a lock.
//   - Step 4 writes each table by compare-and-set. If another transaction was faster, Apply starts again.
//   - Lease chooses tasks first, and then takes the tasks that are still unchanged.
//   - A poll for tasks or fresh history entries that finds nothing is one statement to all servers. A transaction about
//     keys goes only to the servers of these keys.
//
// [Store.Distribute] distributes the tables with Citus:
//
//	by the key's code   keyseat_keys, keyseat_tasks, keyseat_history
//	on one server       all others
//
// The files by topic, and then the internal packages:
//
//	tasks.Store                read.go, lease.go, apply.go (and changeset.go, write.go)
//	other ports                adminstore.go, list.go, list_filter.go and import.go, outbox.go and outbox_delivery.go,
//	                           inspect.go, archive.go, stats.go, activity.go
//	further methods of Store   migrate.go and schema.go, serve.go, backup.go, limits.go
//	distributed stores         distributed*.go
//	statements and models      sql, statements.go, snapshot.go, models.go
//	a store and its pools      open.go, store.go, database.go (transactions, retries), session.go (one connection)
//	─────────────────────────
//	internal/query             compiles statements for a database, and reads rows
//	internal/pgxconn           connects to PostgreSQL, and runs statements there without database/sql
//	internal/sqlitefile        the files of SQLite: locks, logs, damage
//	internal/dberr             errors without stored values
//
// Long statements are in the folder sql. A statement that differs on SQLite is there twice. To run a statement in psql
// or sqlite3, replace each name with @: after WITH by a table, such as
//
//	want (code, place) AS (VALUES ('A', 1), ('B', 2))
//
// and elsewhere by a value. The program also replaces k.*, t.*, p.*, h.* and m.* by the columns of the models.
//
// On Postgres the clock of the server decides which tasks are due, so that any number of processes agree.
// On SQLite the clock of the process decides, because one process serves the file ([Store.AcquireServeLock]).
//
// Processes on Postgres share some short-lived data ([Store.CountUnknownKeys], [Store.CountLogins], [Store.Heartbeat]).
// These data are in unlogged tables, which are empty after a crash of the server.
package bunstore
