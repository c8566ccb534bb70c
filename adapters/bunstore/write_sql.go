package bunstore

import (
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

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

// hasSubscribersSQL is true if a subscription exists that has not expired. Only then are history entries written as
// fresh, which means that [Store.Route] has yet to route them.
const hasSubscribersSQL = `EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.until > @now)`

// insertHistoryFrom returns the SQL that inserts history entries in their order.
func insertHistoryFrom(from string) string {
	list := historyTable.Columns.List("%")
	return "INSERT INTO " + historyTable.Name + " (" + list + ", fresh) SELECT " + list + ", " + hasSubscribersSQL + " FROM " + from + " ORDER BY place"
}
