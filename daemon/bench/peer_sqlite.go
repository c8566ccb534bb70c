package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/http"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// openFile opens a file as keyseatd does. It uses one connection, because SQLite has one writer.
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

// peerSQLite accepts each upgrade in one transaction.
func peerSQLite(ctx context.Context, args []string) error {
	db, err := openFile(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the peer ends
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

// A sqliteWriter holds the prepared statements of an upgrade.
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
		s, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // it lives as long as the process
		if err != nil {
			return nil, err
		}
		*into = s
	}
	return w, nil
}

// upgrade returns the number of tasks that it added.
func (w *sqliteWriter) upgrade(ctx context.Context, code, country string, sealed []byte) (int, error) {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	id, now := rand.Text(), time.Now().UnixMicro()
	done, err := tx.StmtContext(ctx, w.updateKey).ExecContext(ctx, code, id) //nolint:sqlclosecheck // the transaction closes it
	if err != nil {
		return 0, err
	}
	if n, err := done.RowsAffected(); n == 0 {
		return 0, err
	}
	var plan, address, invite string
	if err := tx.StmtContext(ctx, w.takeSlot).QueryRowContext(ctx, country).Scan(&plan, &address, &invite); err != nil { //nolint:sqlclosecheck // the transaction closes it
		return 0, err
	}
	if _, err := tx.StmtContext(ctx, w.insertTask).ExecContext(ctx, code, id, country, plan, address, invite, now, sealed); err != nil { //nolint:sqlclosecheck // the transaction closes it
		return 0, err
	}
	if _, err := tx.StmtContext(ctx, w.insertHistory).ExecContext(ctx, code, id, now, plan); err != nil { //nolint:sqlclosecheck // the transaction closes it
		return 0, err
	}
	return 1, tx.Commit()
}
