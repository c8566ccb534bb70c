package bunstore

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
)

// A tableWrite is the statement that writes the rows of one table.
type tableWrite struct {
	name   string
	rows   query.Rows
	sql    string
	sqlite string // the statement for SQLite
}

// tableWrites returns the statements for the tables that have rows to write, in order. Tasks are updated before new
// tasks are inserted, because a key's previous task must end before its new task begins.
func (cs *changeset) tableWrites() []tableWrite {
	all := []tableWrite{
		{"k", keyTable.Rows(cs.rows.keys.rows), updateKeysSQL, updateKeysSQLite},
		{"t", taskTable.Rows(cs.rows.updated.rows), updateTasksSQL, updateTasksSQLite},
		{"n", taskTable.Rows(cs.rows.inserted.rows), insertTasksSQL, insertTasksSQL},
		{"p", planTable.Rows(cs.allocator.Changed()), updatePlansSQL, updatePlansSQLite},
		{"h", historyTable.Rows(cs.rows.history), insertHistorySQL, insertHistorySQL},
	}
	return slices.DeleteFunc(all, func(w tableWrite) bool { return len(w.rows.Values) == 0 })
}

// errLost is the error of a write that has not found a row, although the transaction had locked the row.
const errLost = dberr.Public("a row has vanished while it was locked")

// write writes the rows of a changeset. The error is [errLost] if a locked row is missing, and [dberr.ErrRetry] if
// other transactions have changed rows of a distributed store.
func (s session) write(ctx context.Context, cs *changeset) error {
	if !s.isSQLite {
		return s.layout.write(ctx, s.runCached, s.runCached, cs)
	}
	for _, w := range cs.tableWrites() {
		n, err := s.exec(ctx, "WITH @"+w.name+" "+w.sqlite, query.Args{w.name: w.rows})
		if err == nil && n != int64(len(w.rows.Values)) {
			err = errLost
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (oneServer) write(ctx context.Context, _, last query.Runner, cs *changeset) error {
	err := last(ctx, writeAllQuery(cs.tableWrites())...)
	if dberr.SQLState(err) == pgerrcode.DivisionByZero { // see [writeAllQuery]
		return errLost
	}
	return err
}

// writeAllQuery combines all writes into one statement. Without writes it returns no statement. For two writes with the
// names k and t, the statement has this form:
//
//	WITH @k, k_done AS (UPDATE … RETURNING 1), @t, t_done AS (UPDATE … RETURNING 1)
//	SELECT 1 / CASE WHEN (SELECT count(*) FROM k_done) + (SELECT count(*) FROM t_done) = @want THEN 1 ELSE 0 END
//
// The writes run in order, because the server finishes each count before it starts the next count. If the number of
// written rows is wrong, the statement divides by zero, because an SQL expression has no other way to raise an error.
// After an error the server skips all statements that were sent later. Therefore the client can send the COMMIT without
// waiting for the result of the statement.
func writeAllQuery(writes []tableWrite) []query.Query {
	if len(writes) == 0 {
		return nil
	}
	var with, counts []string
	named, want := query.Args{}, 0
	for _, w := range writes {
		done := w.name + "_done"
		with = append(with, "@"+w.name, done+" AS ("+w.sql+" RETURNING 1)")
		counts = append(counts, "(SELECT count(*) FROM "+done+")")
		named[w.name], want = w.rows, want+len(w.rows.Values)
	}
	named["want"] = want
	return []query.Query{{
		SQL:  "WITH " + strings.Join(with, ", ") + " SELECT 1 / CASE WHEN " + strings.Join(counts, " + ") + " = @want THEN 1 ELSE 0 END",
		Args: named, Scan: query.Discard,
	}}
}

// insertRouted inserts history entries that the outbox does not route. The SQL of [insertHistoryFrom] inserts entries
// that the outbox routes.
func (s session) insertRouted(ctx context.Context, entries []tasks.HistoryEntry) error {
	rows := historyTable.Rows(entries)
	_, err := s.execQuery(ctx, query.Query{
		SQL: "WITH @h " + insertSQL(historyTable, "h"), Distributed: insertSQL(historyTable, "@r"),
		Args: query.Args{"h": rows, "r": query.InlineRows(rows)},
	})
	return err
}

var (
	updateKeysSQL    = updateByCtid(keyTable, "k", "o.code = k.code")
	updateKeysSQLite = updateByKey(keyTable, "k", "x.code = k.code")

	updateTasksSQL    = updateByCtid(taskTable, "t", "o.code = t.code AND CASE o.id WHEN t.id THEN true END", "worker = NULL")
	updateTasksSQLite = updateByKey(taskTable, "t", "x.code = t.code AND x.id = t.id", "worker = NULL")

	updatePlansSQL    = updateByCtid(planTable, "p", "o.id = p.id")
	updatePlansSQLite = updateByKey(planTable, "p", "x.id = p.id")

	insertTasksSQL   = insertSQL(taskTable, "n")
	insertHistorySQL = insertHistoryFrom("h")
)

var immutable = map[string]bool{"code": true, "id": true, "seq": true}

// updateByCtid returns the SQL that overwrites stored rows with the rows of the table source. It finds a stored row by
// its physical position (ctid), which cannot change because the row is locked. For the keys the SQL is:
//
//	UPDATE keyseat_keys AS x SET version = k.version, …
//	FROM k JOIN LATERAL (SELECT o.ctid AS place FROM keyseat_keys o WHERE o.code = k.code LIMIT 1) o ON true
//	WHERE x.ctid = o.place
//
// The server plans the statement once, perhaps while the tables are empty. The LATERAL join prescribes the join order.
func updateByCtid[T any](t query.Table[T], source, condition string, extra ...string) string {
	return updateSet(t, source, extra) +
		" JOIN LATERAL (SELECT o.ctid AS place FROM " + t.Name + " o WHERE " + condition + " LIMIT 1) o ON true WHERE x.ctid = o.place"
}

// updateByKey is [updateByCtid], except that the SQL finds the stored rows x by their keys. It is for SQLite, which has
// no ctid, and for rare statements of PostgreSQL:
//
//	UPDATE keyseat_keys AS x SET version = k.version, … FROM k WHERE x.code = k.code
func updateByKey[T any](t query.Table[T], source, condition string, extra ...string) string {
	return updateSet(t, source, extra) + " WHERE " + condition
}

func updateSet[T any](t query.Table[T], source string, extra []string) string {
	return "UPDATE " + t.Name + " AS x SET " + strings.Join(assignments(t, source, extra), ", ") + " FROM " + source
}

// assignments returns the assignments of the argument extra, and then one assignment for each column that may change.
func assignments[T any](t query.Table[T], source string, extra []string) []string {
	set := extra
	t.Columns.Each(func(name, _ string) {
		if !immutable[name] {
			set = append(set, name+" = "+source+"."+name)
		}
	})
	return set
}

// insertSQL returns the SQL that inserts the rows of the table source, in order. The database sets the column seq.
func insertSQL[T any](t query.Table[T], source string) string {
	var names []string
	t.Columns.Each(func(name, _ string) {
		if name != "seq" {
			names = append(names, name)
		}
	})
	list := strings.Join(names, ", ")
	return "INSERT INTO " + t.Name + " (" + list + ") SELECT " + list + " FROM " + source + " ORDER BY place"
}

// hasSubscribersSQL is true if a subscription exists that has not expired. If it is true, new history entries are
// fresh, which means that [Store.Route] must still route them.
const hasSubscribersSQL = `EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.until > @now)`

func insertHistoryFrom(source string) string {
	list := historyTable.Columns.List("%")
	return "INSERT INTO " + historyTable.Name + " (" + list + ", fresh) SELECT " + list + ", " + hasSubscribersSQL + " FROM " + source + " ORDER BY place"
}
