package bunstore

import (
	"context"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// rowset collects the rows that a batch of changes writes. It has each row once, in its final state,
// because one statement can change a row only once. The maps hold the indexes of the rows.
type rowset struct {
	keys          []keys.Key
	updated       []tasks.Task         // tasks to update
	inserted      []tasks.Task         // tasks to insert
	history       []tasks.HistoryEntry // history to insert
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
	name   string
	rows   query.Rows
	sql    string
	sqlite string // the same for SQLite
}

// The statements that write the tables.
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

// tableWrites returns the statements for the tables that have rows to write, in order. Tasks are updated before new tasks are inserted, because a key's
// previous task must end before its new task begins.
func (l *changeset) tableWrites() []tableWrite {
	all := []tableWrite{
		{"k", keyTable.Rows(l.rows.keys), updateKeysSQL, updateKeysSQLite},
		{"t", taskTable.Rows(l.rows.updated), updateTasksSQL, updateTasksSQLite},
		{"n", taskTable.Rows(l.rows.inserted), insertTasksSQL, insertTasksSQL},
		{"p", planTable.Rows(l.allocator.Changed()), updatePlansSQL, updatePlansSQLite},
		{"h", historyTable.Rows(l.rows.history), insertHistorySQL, insertHistorySQL},
	}
	return slices.DeleteFunc(all, func(s tableWrite) bool { return len(s.rows.Values) == 0 })
}

// immutable lists the columns that never change.
var immutable = map[string]bool{"code": true, "id": true, "seq": true}

// updateByCtid returns the SQL that overwrites stored rows with the rows of from. It finds them by their physical
// position (ctid), which cannot change because the rows are locked. For the keys it is:
//
//	UPDATE keyseat_keys AS x SET version = k.version, …
//	FROM k JOIN LATERAL (SELECT o.ctid AS place FROM keyseat_keys o WHERE o.code = k.code LIMIT 1) o ON true
//	WHERE x.ctid = o.place
//
// The server plans this once, perhaps while the tables are empty. The LATERAL join fixes the order of the join.
func updateByCtid[T any](t query.Table[T], from, where string, also ...string) string {
	return updateSet(t, from, also) +
		" JOIN LATERAL (SELECT o.ctid AS place FROM " + t.Name + " o WHERE " + where + " LIMIT 1) o ON true WHERE x.ctid = o.place"
}

// updateByKey returns SQL that does the same, but finds the stored rows x by their keys. SQLite needs it, because
// it has no ctid. Rare statements for PostgreSQL use it too:
//
//	UPDATE keyseat_keys AS x SET version = k.version, … FROM k WHERE x.code = k.code
func updateByKey[T any](t query.Table[T], from, where string, also ...string) string {
	return updateSet(t, from, also) + " WHERE " + where
}

func updateSet[T any](t query.Table[T], from string, also []string) string {
	return "UPDATE " + t.Name + " AS x SET " + strings.Join(assignments(t, from, also), ", ") + " FROM " + from
}

// assignments returns an assignment for each column that may change, after those of also.
func assignments[T any](t query.Table[T], from string, also []string) []string {
	set := also
	t.Columns.Each(func(name, _ string) {
		if !immutable[name] {
			set = append(set, name+" = "+from+"."+name)
		}
	})
	return set
}

// insertSQL returns the SQL that inserts the rows of from in their order. It leaves out the column seq, which the
// database numbers itself.
func insertSQL[T any](t query.Table[T], from string) string {
	var names []string
	t.Columns.Each(func(name, _ string) {
		if name != "seq" {
			names = append(names, name)
		}
	})
	list := strings.Join(names, ", ")
	return "INSERT INTO " + t.Name + " (" + list + ") SELECT " + list + " FROM " + from + " ORDER BY place"
}

// errLost means that a locked row was missing when it was to be written.
const errLost = dberr.Public("a row has vanished while it was locked")

// write writes the rows of the changeset. It returns errLost if a locked row is missing. In a distributed store
// it returns dberr.ErrRetry if other transactions have changed some of the rows.
func (s session) write(ctx context.Context, l *changeset) error {
	if s.distributed {
		return l.writeCAS(ctx, s.runCached)
	}
	steps := l.tableWrites()
	if !s.isSQLite {
		return asErrLost(s.runCached(ctx, writeAllQuery(steps)...))
	}
	for _, step := range steps {
		n, err := s.exec(ctx, "WITH @"+step.name+" "+step.sqlite, query.Args{step.name: step.rows})
		if err == nil && n != int64(len(step.rows.Values)) {
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
//	SELECT assert((SELECT count(*) FROM k_done) + (SELECT count(*) FROM t_done) = @want)
//
// The steps run in order, because each count reads its step to the end before the next count starts. The
// statement fails if the number of written rows is wrong, see [query.Assert]. Therefore the client can send a
// COMMIT directly after it, without waiting for its result.
func writeAllQuery(steps []tableWrite) []query.Query {
	if len(steps) == 0 {
		return nil
	}
	var with, counts []string
	named, want := query.Args{}, 0
	for _, step := range steps {
		done := step.name + "_done"
		with = append(with, "@"+step.name, done+" AS ("+step.sql+" RETURNING 1)")
		counts = append(counts, "(SELECT count(*) FROM "+done+")")
		named[step.name], want = step.rows, want+len(step.rows.Values)
	}
	named["want"] = want
	return []query.Query{{
		SQL:  "WITH " + strings.Join(with, ", ") + " SELECT " + query.Assert(strings.Join(counts, " + ")+" = @want"),
		Args: named, Scan: func(query.Row) error { return nil },
	}}
}

// asErrLost replaces the error of a failed [query.Assert] with errLost: with it [writeAllQuery] reports that rows
// were not written. It returns other errors as they are.
func asErrLost(err error) error {
	if query.AssertFailed(err) {
		return errLost
	}
	return err
}
