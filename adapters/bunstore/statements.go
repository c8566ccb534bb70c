package bunstore

import (
	"embed"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

//go:embed sql
var sqlFiles embed.FS

// statements has the statements of the folder sql by name. A line "-- name: NAME" begins each of them. There k.* (keys),
// t.* (tasks), p.* (plans), h.* (history) and m.* (queued deliveries) stand for the columns of these tables, in the order of
// models.go. If there is a statement with the name and " sqlite", SQLite runs that one. A distributed store runs the one with
// " distributed".
var statements = func() map[string]query.Query {
	columns := strings.NewReplacer(
		"k.*", keyTable.Columns.List("k.%"), "t.*", taskTable.Columns.List("t.%"), "p.*", planTable.Columns.List("p.%"),
		"h.*", historyTable.Columns.List("%"), "m.*", queueTable.Columns.List("%"), "keyseat_tasks.*", taskTable.Columns.List("%"),
	)
	texts, name := map[string]string{}, ""
	for _, file := range must(sqlFiles.ReadDir("sql")) {
		for line := range strings.Lines(string(must(sqlFiles.ReadFile("sql/" + file.Name())))) {
			if begins, found := strings.CutPrefix(line, "-- name: "); found {
				name = strings.TrimSpace(begins)
			} else if !strings.HasPrefix(line, "--") {
				texts[name] += columns.Replace(line)
			}
		}
	}
	all := map[string]query.Query{}
	for name, sql := range texts {
		all[name] = query.Query{SQL: sql, SQLite: texts[name+" sqlite"], Distributed: texts[name+" distributed"]}
	}
	return all
}()

// must returns a value of an embedded file. The files were there when the program was built.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// statement returns a query with the statement of that name.
func statement(name string, args query.Args, scan func(query.Row) error) query.Query {
	q, found := statements[name]
	if !found {
		panic("bunstore: there is no statement " + name)
	}
	q.Args, q.Scan = args, scan
	return q
}

// sqlOf returns the text of the statement of that name.
func sqlOf(name string) string { return statement(name, nil, nil).SQL }

// A snapshotSet holds the snapshots of the keys that exist, as of one moment.
type snapshotSet struct {
	at    time.Time
	found map[keys.Code]tasks.Snapshot
}

// of returns the snapshot of a key, which need not exist.
func (s *snapshotSet) of(code keys.Code) tasks.Snapshot {
	v := s.found[code]
	v.At = s.at
	return v
}

// update changes the snapshot of a key, if the set has one.
func (s *snapshotSet) update(code keys.Code, change func(*tasks.Snapshot)) {
	if v, found := s.found[code]; found {
		change(&v)
		s.found[code] = v
	}
}

// add returns a function that reads the rows of snapshots into the set. The time of a row is NULL if another query reads
// the time.
func (s *snapshotSet) add() func(query.Row) error {
	return query.Each(func(row snapshotRow) {
		if !row.At.IsZero() {
			s.at = row.At
		}
		s.found[row.Key.Code] = row.snapshot()
	})
}

// viewColumns lists the columns of a key k and a task t. They follow the time in a snapshotRow.
var viewColumns = keyTable.Columns.List("k.%") + ", " + taskTable.Columns.List("t.%")

// A snapshotRow is a row with a time, a key, and a task that may be missing.
type snapshotRow struct {
	At   time.Time
	Key  keys.Key
	Task tasks.Task
}

func (r snapshotRow) snapshot() tasks.Snapshot {
	v := tasks.Snapshot{At: r.At, Key: r.Key}
	if r.Task.ID != "" {
		task := r.Task // without the rest of the row
		v.Task = &task
	}
	return v
}

// appendSnapshots returns a function that appends the rows of a result to a list of snapshots.
func appendSnapshots(to *[]tasks.Snapshot) func(query.Row) error {
	return query.Each(func(row snapshotRow) { *to = append(*to, row.snapshot()) })
}
