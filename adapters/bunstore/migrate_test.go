package bunstore_test

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgerrcode"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

func TestManyMigrateAtOnce(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				plain, distributed := form(url)
				s, err := bunstore.Open(t.Context(), plain, bunstore.Options{Conns: 2, Distributed: distributed})
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		fill(t, open(t, url, bunstore.Options{}), 1)
	})
}

// TestTheDatabaseKnowsTheRules writes invalid rows that no adapter would write. The database must refuse them.
func TestTheDatabaseKnowsTheRules(t *testing.T) {
	const task = `INSERT INTO keyseat_tasks (code, id, kind, country, version, fence, plan_id, plan_address, plan_invite, ordinal,
		slot, faulty, asked, tries, lost, doubt, created_at, due, outcome, sealed) SELECT 'K00000', id || 'x', kind, country, version,
		fence, plan_id, plan_address, plan_invite, ordinal, slot, faulty, asked, tries, lost, doubt, created_at, due, outcome, sealed FROM keyseat_tasks`
	forbidden := map[string]string{
		"a plan oversold":             `UPDATE keyseat_plans SET held = size + 1`,
		"a negative count":            `UPDATE keyseat_plans SET spent = -1`,
		"two open tasks of a key":     task,
		"an open task without secret": `UPDATE keyseat_tasks SET sealed = NULL`,
		"an ended task with a secret": `UPDATE keyseat_tasks SET slot = 'free', outcome = 'success', ended_at = due`,
		"an ended task that holds":    `UPDATE keyseat_tasks SET sealed = NULL, outcome = 'success', ended_at = due`,
		"a status unlike its use":     `UPDATE keyseat_keys SET status = 'success'`,
		"a status that is none":       `UPDATE keyseat_keys SET status = 'gone'`,
		"a key twice":                 `INSERT INTO keyseat_keys SELECT * FROM keyseat_keys`,
	}
	onBoth(t, func(t *testing.T, url string) {
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		fill(t, s, 1)
		apply(t, s, upgrades(t, s, 1)...)
		for what, sql := range forbidden {
			_, err := db.ExecContext(t.Context(), sql)
			if err == nil || !strings.Contains(err.Error(), "onstraint") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestHistoryNumbersGoOn checks the migration from an identity column to a sequence: no number comes twice, although
// the newest entries are gone, and a role that may write the table needs no other privilege.
func TestHistoryNumbersGoOn(t *testing.T) {
	t.Parallel()
	url := databases["postgres"](t)
	db, files := raw(t, url), steps(t, url)
	i := slices.IndexFunc(files, func(file string) bool { return strings.Contains(file, "history_sequence") })
	earlier(t, db, files[:i], always)
	const entry = `
		INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
		SELECT 'old', n, n, now(), 'issued', '', '', '', '', '', '', '' FROM generate_series(1, 7) n; DELETE FROM keyseat_history`
	if _, err := db.ExecContext(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	s := open(t, url, bunstore.Options{})
	fill(t, s, 1)
	var first int
	var identity string
	var usable bool
	const look = `SELECT min(h.seq), min(a.attidentity::text), bool_and(has_sequence_privilege('pg_monitor', 'keyseat_history_numbers', 'USAGE'))
		FROM keyseat_history h, pg_attribute a WHERE a.attrelid = 'keyseat_history'::regclass AND a.attname = 'seq'`
	if err := db.QueryRowContext(t.Context(), look).Scan(&first, &identity, &usable); err != nil || first != 8 || identity != "" || !usable {
		t.Errorf("the first number is %d, identity %q, usable %t, %v", first, identity, usable, err)
	}
}

// TestHistoryNumbersGoOnAfterALastWrite runs the same migration while a transaction of an earlier version writes entries.
// The transaction writes an entry before the migration waits for it, and another entry after that.
func TestHistoryNumbersGoOnAfterALastWrite(t *testing.T) {
	t.Parallel()
	url := databases["postgres"](t)
	db, files := raw(t, url), steps(t, url)
	i := slices.IndexFunc(files, func(file string) bool { return strings.Contains(file, "history_sequence") })
	earlier(t, db, files[:i], always)
	plain, distributed := form(url)
	s, err := bunstore.Open(t.Context(), plain, bunstore.Options{Distributed: distributed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const entry = `INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
		VALUES ('old', $1, 0, now(), 'issued', '', '', '', '', '', '', '') RETURNING seq`
	write := func(query func(context.Context, string, ...any) *sql.Row) (seq int) {
		t.Helper()
		if err := query(t.Context(), entry, id()).Scan(&seq); err != nil {
			t.Fatal(err)
		}
		return seq
	}
	last := 0
	for migrated := false; !migrated; { // on a slow machine, the wait of the migration may time out
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		write(tx.QueryRowContext)
		done := make(chan error, 1)
		go func() { done <- s.Migrate(t.Context()) }()
		for waits := false; !waits && len(done) == 0; {
			waits = waitsForLock(t, db)
		}
		last = write(tx.QueryRowContext)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		err = <-done
		if err != nil && !strings.Contains(err.Error(), pgerrcode.LockNotAvailable) {
			t.Fatal(err)
		}
		migrated = err == nil
	}
	if next := write(db.QueryRowContext); next <= last {
		t.Errorf("the number %d comes after %d", next, last)
	}
}

// TestDistributedHistoryKeepsItsNumbers runs the same migration on a table that Citus has distributed, and whose column
// it cannot change.
func TestDistributedHistoryKeepsItsNumbers(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db, files := raw(t, url), steps(t, url)
	i := slices.IndexFunc(files, func(file string) bool { return strings.Contains(file, "history_sequence") })
	earlier(t, db, files[:i], always)
	const distributed = `CREATE TABLE pg_dist_partition AS SELECT 'keyseat_history'::regclass AS logicalrelid, 'h' AS partmethod`
	if _, err := db.ExecContext(t.Context(), distributed); err != nil {
		t.Fatal(err)
	}
	fill(t, open(t, "distributed:"+url, bunstore.Options{}), 1)
	var identity string
	const look = `SELECT attidentity::text FROM pg_attribute WHERE attrelid = 'keyseat_history'::regclass AND attname = 'seq'`
	if err := db.QueryRowContext(t.Context(), look).Scan(&identity); err != nil || identity != "a" {
		t.Errorf("identity %q, %v", identity, err)
	}
}
