package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// firstTables are the tables and indexes of [peerFirst], the simplest program for upgrades. This program has no
// history, encrypts nothing, and stores only what an upgrade needs.
var firstTables = []string{
	`CREATE TABLE first_keys (code text PRIMARY KEY, status text NOT NULL)`,
	`CREATE TABLE first_plans (id text PRIMARY KEY, country text NOT NULL, size int NOT NULL, held int NOT NULL)`,
	`CREATE INDEX ON first_plans (country) WHERE held < size`,
	`CREATE TABLE first_tasks (id text PRIMARY KEY, code text NOT NULL, country text NOT NULL, plan_id text NOT NULL,
		login text NOT NULL, password text NOT NULL, created_at timestamptz NOT NULL, done boolean NOT NULL)`,
	`CREATE INDEX ON first_tasks (created_at) WHERE NOT done`,
}

// firstSQL accepts an upgrade in one statement. The statement takes a slot of any plan with a free slot whose row is
// not locked, updates the key, and adds the task.
const firstSQL = `
	WITH plan AS (
		SELECT id FROM first_plans WHERE country = $3 AND held < size LIMIT 1 FOR UPDATE SKIP LOCKED),
	k AS (
		UPDATE first_keys SET status = 'in_queue' FROM plan WHERE code = $1 AND status = 'active' RETURNING code),
	p AS (
		UPDATE first_plans SET held = held + 1 FROM plan, k WHERE first_plans.id = plan.id RETURNING first_plans.id)
	INSERT INTO first_tasks SELECT $2, code, $3, p.id, $4, $5, now(), false FROM k, p`

// peerFirst accepts each upgrade with one statement, [firstSQL], in a transaction of its own.
func peerFirst(ctx context.Context, args []string) error {
	url := args[0] + "&enable_seqscan=off" // otherwise the planner scans all full plans for the next plan with a free slot
	return serveUpgrades(ctx, url, firstSQL, func(r *http.Request) []any {
		return []any{r.PostFormValue("upgrade"), rand.Text(), r.PostFormValue("country"), r.PostFormValue("login"), r.PostFormValue("pwd")}
	})
}

// insertTable is the table of [peerInsert].
const insertTable = `CREATE TABLE accepted (code text NOT NULL, login text NOT NULL)`

// peerInsert accepts each upgrade with the smallest durable write: one row in a table without an index.
func peerInsert(ctx context.Context, args []string) error {
	return serveUpgrades(ctx, args[0], `INSERT INTO accepted VALUES ($1, $2)`, func(r *http.Request) []any {
		return []any{r.PostFormValue("upgrade"), r.PostFormValue("login")}
	})
}

// fillInsert empties the table of [peerInsert].
func fillInsert(ctx context.Context, url string, _ int) {
	check(execute(ctx, url, "TRUNCATE accepted", "CHECKPOINT"))
}

// fillFirst replaces the rows in the tables of [peerFirst] by n unused keys, and at least one free slot for each key.
func fillFirst(ctx context.Context, url string, n int) {
	check(execute(ctx, url, "TRUNCATE first_keys, first_plans, first_tasks",
		fmt.Sprintf(`INSERT INTO first_keys SELECT 'K' || lpad(i::text, 9, '0'), 'active' FROM generate_series(0, %d) i`, n-1),
		fmt.Sprintf(`INSERT INTO first_plans SELECT 'plan-' || i, 'US', %d, 0 FROM generate_series(1, %d) i`, slotsPerPlan, n/slotsPerPlan+1),
		"VACUUM (ANALYZE) first_keys, first_plans, first_tasks", "CHECKPOINT"))
}

// firstCounts are queries on the tables of [peerFirst] that must each yield the number of accepted upgrades.
var firstCounts = []string{
	`SELECT count(*) FROM first_tasks t JOIN first_keys k ON k.code = t.code AND k.status = 'in_queue'`,
	`SELECT sum(held) FROM first_plans`,
}

// openFile opens an SQLite file with the settings of keyseatd. One connection is enough, because SQLite allows one
// writer.
func openFile(path string) (*sql.DB, error) {
	v := url.Values{
		"_txlock": {"immediate"}, "_busy_timeout": {"10000"}, "_synchronous": {"FULL"}, "_foreign_keys": {"on"},
		"_pragma": {"secure_delete(1)", "journal_mode(wal)"},
	}
	db, err := sql.Open("sqlite", "file:"+path+"?"+v.Encode())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// peerSQLite accepts upgrades in the tables of keyseatd in an SQLite file, each in a transaction of its own.
func peerSQLite(ctx context.Context, args []string) error {
	db, err := openFile(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the process ends too
	w, err := prepare(ctx, db)
	if err != nil {
		return err
	}
	seal := sealer()
	return serveAPI(ctx, func(rw http.ResponseWriter, r *http.Request) {
		n, err := w.upgrade(r.Context(), r.PostFormValue("upgrade"), r.PostFormValue("country"), seal(r))
		respond(rw, upgradeResponses[n], err)
	})
}

// A sqliteWriter accepts upgrades with prepared statements.
type sqliteWriter struct {
	db                                             *sql.DB
	updateKey, takeSlot, insertTask, insertHistory *sql.Stmt
}

func prepare(ctx context.Context, db *sql.DB) (*sqliteWriter, error) {
	w := &sqliteWriter{db: db}
	for text, into := range map[string]**sql.Stmt{
		`UPDATE keyseat_keys SET status = 'in_queue', message = '', version = version + 1, task_id = ?2
			WHERE code = ?1 AND NOT revoked AND NOT used AND status IN ('active', 'failed_upgrade', 'success_renew')`: &w.updateKey,
		`UPDATE keyseat_plans SET held = held + 1 WHERE id = (SELECT id FROM keyseat_plans
			WHERE country = ?1 AND NOT retired AND fault = '' AND held + spent + suspect < size ORDER BY seq LIMIT 1)
			RETURNING id, address, invite`: &w.takeSlot,
		`INSERT INTO keyseat_tasks (code, id, kind, country, version, fence, plan_id, plan_address, plan_invite, ordinal, slot, faulty,
			asked, tries, lost, doubt, created_at, due, outcome, sealed)
			VALUES (?1, ?2, 'upgrade', ?3, 1, 0, ?4, ?5, ?6, 1, 'held', '', 0, 0, 0, 0, ?7, ?7, '', ?8)`: &w.insertTask,
		`INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
			VALUES (?1, ?2, 0, ?3, 'accepted', ?2, 'upgrade', '', ?4, 'free', 'held', '')`: &w.insertHistory,
	} {
		s, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // the statement lives as long as the process
		if err != nil {
			return nil, err
		}
		*into = s
	}
	return w, nil
}

// upgrade accepts an upgrade, and returns the number of added tasks, 0 or 1.
func (w *sqliteWriter) upgrade(ctx context.Context, code, country string, sealed []byte) (int, error) {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	id, now := rand.Text(), time.Now().UnixMicro()
	done, err := tx.StmtContext(ctx, w.updateKey).ExecContext(ctx, code, id) //nolint:sqlclosecheck // the transaction closes the statement
	if err != nil {
		return 0, err
	}
	if n, err := done.RowsAffected(); n == 0 {
		return 0, err
	}
	var plan, address, invite string
	if err := tx.StmtContext(ctx, w.takeSlot).QueryRowContext(ctx, country).Scan(&plan, &address, &invite); err != nil { //nolint:sqlclosecheck // the transaction closes the statement
		return 0, err
	}
	if _, err := tx.StmtContext(ctx, w.insertTask).ExecContext(ctx, code, id, country, plan, address, invite, now, sealed); err != nil { //nolint:sqlclosecheck // the transaction closes the statement
		return 0, err
	}
	if _, err := tx.StmtContext(ctx, w.insertHistory).ExecContext(ctx, code, id, now, plan); err != nil { //nolint:sqlclosecheck // the transaction closes the statement
		return 0, err
	}
	return 1, tx.Commit()
}
