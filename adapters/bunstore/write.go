package bunstore

import (
	"context"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// rowset collects the rows that a batch of changes writes. It has each row once, in its final state,
// because one statement can change a row only once. The maps hold the indexes of the rows.
type rowset struct {
	keys          []keys.Key
	updated       []tasks.Task // tasks to update
	inserted      []tasks.Task // tasks to insert
	history       []line       // history to insert
	keyIndex      map[keys.Code]int
	updatedIndex  map[taskKey]int
	insertedIndex map[taskKey]int
}

func newRowset() rowset {
	return rowset{keyIndex: map[keys.Code]int{}, updatedIndex: map[taskKey]int{}, insertedIndex: map[taskKey]int{}}
}

func (w *rowset) key(k keys.Key) { upsert(&w.keys, w.keyIndex, k.Code, k) }

func (w *rowset) task(t tasks.Task, fresh bool) {
	name := taskKey{t.Code, t.ID}
	if _, began := w.insertedIndex[name]; began || fresh {
		upsert(&w.inserted, w.insertedIndex, name, t)
		return
	}
	upsert(&w.updated, w.updatedIndex, name, t)
}

// upsert replaces the row with that name, or appends it.
func upsert[K comparable, T any](rows *[]T, at map[K]int, name K, r T) {
	i, found := at[name]
	if !found {
		i = len(*rows)
		at[name], *rows = i, append(*rows, r)
	}
	(*rows)[i] = r
}

// A tableWrite is the statement that writes the rows of one table.
type tableWrite struct {
	name string
	rows batch
	sql  string
}

// The statements that write the tables.
var (
	updateKeysSQL    = updateSQL(keyTable, "k", "o.code = k.code")
	updateTasksSQL   = updateSQL(taskTable, "t", "o.code = t.code AND CASE o.id WHEN t.id THEN true END", "worker = NULL")
	insertTasksSQL   = insertSQL(taskTable, "n")
	updatePlansSQL   = updateSQL(planTable, "p", "o.id = p.id")
	insertHistorySQL = insertHistoryFrom("h")
)

// tableWrites returns the necessary steps in order. Tasks are updated before new tasks are inserted, because a key's
// previous task must end before its new task begins.
func (l *changeset) tableWrites() []tableWrite {
	all := []tableWrite{
		{"k", keyTable.batch(l.rows.keys), updateKeysSQL},
		{"t", taskTable.batch(l.rows.updated), updateTasksSQL},
		{"n", taskTable.batch(l.rows.inserted), insertTasksSQL},
		{"p", planTable.batch(l.allocator.Changed()), updatePlansSQL},
		{"h", historyTable.batch(l.rows.history), insertHistorySQL},
	}
	return slices.DeleteFunc(all, func(s tableWrite) bool { return len(s.rows.rows) == 0 })
}

// immutable lists the columns that never change.
var immutable = map[string]bool{"code": true, "id": true, "seq": true}

// updateSQL returns the SQL that overwrites the stored rows o with the rows of from. On Postgres it finds them by
// their physical position (ctid), which cannot change because the rows are locked. On SQLite and in a
// distributed store the dialect replaces the position by the condition where.
func updateSQL[T any](t table[T], from, where string, also ...string) string {
	return "UPDATE " + t.name + " AS x SET " + strings.Join(assignments(t, from, also), ", ") + " FROM " + from +
		" JOIN LATERAL (SELECT o.ctid AS place FROM " + t.name + " o WHERE " + where + " LIMIT 1) o ON true WHERE x.ctid = o.place"
}

// assignments returns an assignment for each column that may change, after those of also.
func assignments[T any](t table[T], from string, also []string) []string {
	set := also
	t.columns.each(func(name, _ string) {
		if !immutable[name] {
			set = append(set, name+" = "+from+"."+name)
		}
	})
	return set
}

// insertSQL returns the SQL that inserts the rows of from in their order. It leaves out the column seq, which the
// database numbers itself.
func insertSQL[T any](t table[T], from string) string {
	var names []string
	t.columns.each(func(name, _ string) {
		if name != "seq" {
			names = append(names, name)
		}
	})
	list := strings.Join(names, ", ")
	return "INSERT INTO " + t.name + " (" + list + ") SELECT " + list + " FROM " + from + " ORDER BY place"
}

// errLost means that a locked row was missing when it was to be written.
const errLost = plainError("a row has vanished while it was locked")

// write writes the rows of the ledger. It returns errLost if a locked row is missing. In a distributed store
// it returns errAgain if other transactions have changed some of the rows.
func (s session) write(ctx context.Context, l *changeset) error {
	if s.sharded() {
		return l.writeCAS(ctx, s.ask)
	}
	steps := l.tableWrites()
	if !s.embedded() {
		return asErrLost(s.ask(ctx, writeAllQuery(steps)...))
	}
	for _, step := range steps {
		n, err := s.exec(ctx, "WITH @"+step.name+" "+step.sql, args{step.name: step.rows})
		if err == nil && n != int64(len(step.rows.rows)) {
			err = errLost
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeAllQuery combines all steps into one statement, or none if there are no steps. For two steps k and t it
// has this form:
//
//	WITH @k, k_done AS (UPDATE … RETURNING 1), @t, t_done AS (UPDATE … RETURNING 1)
//	SELECT 1 / CASE WHEN (SELECT count(*) FROM k_done) + (SELECT count(*) FROM t_done) = @want THEN 1 ELSE 0 END
//
// The steps run in order, because each count reads its step to the end before the next count starts. The
// statement fails with a division by zero if the number of written rows is wrong. Therefore the client
// can send a COMMIT directly after it, without waiting for its result.
func writeAllQuery(steps []tableWrite) []question {
	if len(steps) == 0 {
		return nil
	}
	var with, counts []string
	named, want := args{}, 0
	for _, step := range steps {
		done := step.name + "_done"
		with = append(with, "@"+step.name, done+" AS ("+step.sql+" RETURNING 1)")
		counts = append(counts, "(SELECT count(*) FROM "+done+")")
		named[step.name], want = step.rows, want+len(step.rows.rows)
	}
	named["want"] = want
	text := "WITH " + strings.Join(with, ", ") + " SELECT 1 / CASE WHEN " + strings.Join(counts, " + ") + " = @want THEN 1 ELSE 0 END"
	return []question{{text, named, func(row) error { return nil }}}
}

// lost replaces a division by zero with errLost: with it [writeAllQuery] reports that rows were not written.
// It returns other errors as they are.
func asErrLost(err error) error {
	if sqlState(err) == "22012" {
		return errLost
	}
	return err
}
