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
	sqlite string // the same for SQLite
}

// tableWrites returns the statements for the tables that have rows to write, in order. Tasks are updated before new
// tasks are inserted, because a key's previous task must end before its new task begins.
func (cs *changeset) tableWrites() []tableWrite {
	all := []tableWrite{
		{"k", keyTable.Rows(cs.rows.keys), updateKeysSQL, updateKeysSQLite},
		{"t", taskTable.Rows(cs.rows.updated), updateTasksSQL, updateTasksSQLite},
		{"n", taskTable.Rows(cs.rows.inserted), insertTasksSQL, insertTasksSQL},
		{"p", planTable.Rows(cs.allocator.Changed()), updatePlansSQL, updatePlansSQLite},
		{"h", historyTable.Rows(cs.rows.history), insertHistorySQL, insertHistorySQL},
	}
	return slices.DeleteFunc(all, func(w tableWrite) bool { return len(w.rows.Values) == 0 })
}

// errLost means that a locked row was missing when it was to be written.
const errLost = dberr.Public("a row has vanished while it was locked")

// write writes the rows of a changeset. It returns errLost if a locked row is missing. In a distributed store it
// returns [dberr.ErrRetry] if other transactions have changed some of the rows.
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

// write implements [layout] for PostgreSQL.
func (oneServer) write(ctx context.Context, _, last query.Runner, cs *changeset) error {
	err := last(ctx, writeAllQuery(cs.tableWrites())...)
	if assertFailed(err) {
		return errLost
	}
	return err
}

// writeAllQuery combines all writes into one statement, or none if there are no writes. For the writes k and t it
// has this form:
//
//	WITH @k, k_done AS (UPDATE … RETURNING 1), @t, t_done AS (UPDATE … RETURNING 1)
//	SELECT assert((SELECT count(*) FROM k_done) + (SELECT count(*) FROM t_done) = @want)
//
// The writes run in order, because each count reads its write to the end before the next count starts. The
// statement fails if the number of written rows is wrong, see [assertSQL]. Therefore the client can send a
// COMMIT directly after it, without waiting for its result.
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
		SQL:  "WITH " + strings.Join(with, ", ") + " SELECT " + assertSQL(strings.Join(counts, " + ")+" = @want"),
		Args: named, Scan: func(query.Row) error { return nil },
	}}
}

// assertSQL returns an expression of PostgreSQL that is 1 if the condition is true. Otherwise the statement fails, and
// the server skips all statements that were sent after it, also a COMMIT. [assertFailed] recognizes the error.
//
// The expression divides by zero, because only a stored function of PostgreSQL could raise another error.
func assertSQL(condition string) string {
	return "1 / CASE WHEN " + condition + " THEN 1 ELSE 0 END"
}

// assertFailed reports whether err is the error of a failed [assertSQL].
func assertFailed(err error) bool {
	return dberr.SQLState(err) == pgerrcode.DivisionByZero
}

// insertRouted inserts history entries that the outbox does not route, unlike the entries of [insertHistoryFrom].
func (s session) insertRouted(ctx context.Context, entries []tasks.HistoryEntry) error {
	q := s.layout.insertRouted(entries)
	_, err := s.exec(ctx, q.SQL, q.Args)
	return err
}

// insertRouted implements [layout].
func (oneServer) insertRouted(entries []tasks.HistoryEntry) query.Query {
	return query.Query{SQL: "WITH @h " + insertSQL(historyTable, "h"), Args: query.Args{"h": historyTable.Rows(entries)}}
}
