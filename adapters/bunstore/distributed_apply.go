package bunstore

import (
	"context"
	"database/sql"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// lockQueries implements [layout]. It locks countries, which are on one server, and reads keys and tasks without a
// lock. The countries come first, because the wait for their locks can be long. Keys and tasks are read after this
// wait, so that other transactions have little time to change these rows before the write.
func (distributed) lockQueries(cs *changeset, changes []tasks.Change) []query.Query {
	about, in := rowsTouched(changes)
	named := query.Args{"codes": about.Texts("code"), "ids": about.Texts("id")}
	type keyRow struct {
		code    keys.Code
		version int64
	}
	type taskRow struct {
		taskKey
		rowVersion
	}
	all := []query.Query{{
		SQL: `SELECT k.code, k.version FROM keyseat_keys k WHERE k.code = ANY (@codes)`, Args: named,
		Scan: query.Each(func(k keyRow) {
			cs.keys[k.code], cs.readVersions[taskKey{code: k.code}] = k.version, k.version
		}),
	}, {
		SQL: `
		SELECT t.code, t.id, t.version, t.fence, t.ended_at FROM keyseat_tasks t
		WHERE t.code = ANY (@codes) AND (t.ended_at IS NULL OR t.id = ANY (@ids))`, Args: named,
		Scan: query.Each(func(t taskRow) {
			cs.noteTask(t.code, t.id, t.rowVersion)
			cs.readVersions[t.taskKey] = t.version
		}),
	}}
	if len(in.Values) == 0 {
		return all
	}
	return slices.Insert(all, 0, query.Query{
		SQL:  `SELECT c.code FROM keyseat_countries c WHERE c.code = ANY (@in) ORDER BY c.code FOR UPDATE OF c`,
		Args: query.Args{"in": in.Texts("code")},
		Scan: query.Each(func(code stock.Country) { cs.countries[code] = true }),
	})
}

// The statements with which a distributed store writes. The two statements that begin with cas (compare and set) change
// a row only if the row still has the version that was read. Plans need no check, because their countries are locked.
//
// The history must be written by INSERT … SELECT. Citus commits a transaction with such a statement in two phases.
// Otherwise, a transaction that writes on only one worker would commit on that worker first, and on the coordinator
// afterwards. If the coordinator crashed in between, a task would exist, but its plan would not count its slot.
var (
	casKeysSQL    = compareAndSetSQL(keyTable, "x.version = r.was")
	casTasksSQL   = compareAndSetSQL(taskTable, "x.id = r.id AND x.version = r.was AND x.fence = r.fence", "worker = NULL")
	setPlansSQL   = "WITH @p " + updatePlansSQLite + " RETURNING x.id"
	addTasksSQL   = insertSQL(taskTable, "@r")
	addHistorySQL = insertHistoryFrom("@r")
)

// compareAndSetSQL returns the SQL that overwrites each stored row x with its row in @r, if x still meets the
// condition. The argument extra has further assignments. The SQL returns the code of each updated row.
func compareAndSetSQL[T any](t query.Table[T], condition string, extra ...string) string {
	return "UPDATE " + t.Name + " AS x SET " + strings.Join(assignments(t, "r", extra), ", ") +
		" FROM @r WHERE x.code = r.code AND " + condition + " AND x.code = ANY (@codes) RETURNING x.code"
}

// write implements [layout]. It runs each statement at most once. It returns [dberr.ErrRetry] if other transactions
// have changed some of the rows. The whole transaction then runs again.
func (distributed) write(ctx context.Context, run, last query.Runner, cs *changeset) error {
	var all []query.Query
	want, changed := 0, 0 // the number of rows that the statements must return, and that they have returned
	// The function add adds a statement if it has rows to write. If counts is true, the statement must return each of
	// these rows.
	add := func(sql string, rows query.Rows, counts bool) {
		if len(rows.Values) == 0 {
			return
		}
		scan := query.Discard
		if counts {
			want += len(rows.Values)
			scan = func(query.Row) error {
				changed++
				return nil
			}
		}
		args := query.Args{"p": rows, "r": query.InlineRows(rows), "codes": rows.Texts("code")}
		all = append(all, query.Query{SQL: sql, Args: args, Scan: scan})
	}
	keyOf := func(k keys.Key) taskKey { return taskKey{code: k.Code} }
	taskOf := func(t tasks.Task) taskKey { return taskKey{t.Code, t.ID} }
	add(statement("lock keys", nil, nil).SQL, query.TextRows("code", cs.unwrittenKeys()), true)
	add(casKeysSQL, withReadVersions(cs, keyTable, cs.rows.keys.rows, keyOf), true)
	add(casTasksSQL, withReadVersions(cs, taskTable, cs.rows.updated.rows, taskOf), true)
	add(addTasksSQL, taskTable.Rows(cs.rows.inserted.rows), false)
	add(setPlansSQL, planTable.Rows(cs.allocator.Changed()), true)
	add(addHistorySQL, historyTable.Rows(cs.rows.history), false)
	err := run(ctx, all...)
	switch {
	case err != nil:
		return err
	case changed != want:
		return dberr.ErrRetry
	}
	return last(ctx)
}

// withReadVersions returns rows to write. Their additional column "was" has the version that the transaction has read.
func withReadVersions[T any](cs *changeset, t query.Table[T], rows []T, name func(T) taskKey) query.Rows {
	b := t.Rows(rows)
	b.Columns += ", was bigint"
	for i, row := range rows {
		b.Values[i] = append(b.Values[i], cs.readVersions[name(row)])
	}
	return b
}

// unwrittenKeys returns the keys that get history entries but are not written themselves. [distributed.write] locks
// these keys too. Otherwise a later entry of a key could reach subscribers before an earlier entry.
func (cs *changeset) unwrittenKeys() (codes []keys.Code) {
	for _, e := range cs.rows.history {
		if _, written := cs.rows.keys.index[e.Code]; !written {
			codes = append(codes, e.Code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// importKeys implements [layout]. It does not use COPY, whose error on many servers does not name the row.
func (distributed) importKeys(ctx context.Context, s session, _ *sql.Conn, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error {
	now, err := readTime(ctx, s.runCached)
	if err != nil {
		return err
	}
	return chunks(from, func(before int, some []keys.Key) error {
		row, err := s.insertChunk(ctx, b, now, some)
		if err == nil && row > 0 {
			err = adminstore.RowError{Row: before + row, Err: adminstore.ErrExists}
		}
		return err
	})
}

// insertChunk inserts keys, each with its history entry, and returns 0. If a code exists already or comes twice, it
// returns the position of the first such key in the slice, counted from 1. The caller must then roll back.
func (s session) insertChunk(ctx context.Context, b adminstore.ImportBatch, now time.Time, some []keys.Key) (int, error) {
	list := keyTable.Columns.List("%")
	inserted := map[keys.Code]bool{}
	err := s.runOnce(ctx, `
		INSERT INTO keyseat_keys (batch_id, `+list+`) SELECT @batch, `+list+` FROM @r ORDER BY place
		ON CONFLICT (code) DO NOTHING RETURNING code`,
		query.Args{"r": query.InlineRows(keyTable.Rows(some)), "batch": b.ID}, query.Each(func(code keys.Code) { inserted[code] = true }))
	entries := make([]tasks.HistoryEntry, len(some))
	for i, k := range some {
		if err == nil && !inserted[k.Code] {
			return i + 1, nil
		}
		delete(inserted, k.Code) // so that a later key with the same code counts as a duplicate
		entries[i] = tasks.HistoryEntry{Change: b.ID, Event: b.Event(now, k.Code)}
	}
	if err == nil {
		_, err = s.exec(ctx, addHistorySQL, query.Args{"r": query.InlineRows(historyTable.Rows(entries))})
	}
	return 0, err
}
