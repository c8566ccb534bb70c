package bunstore

import (
	"embed"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

//go:embed sql
var sqlFiles embed.FS

// statements has the statements of the folder sql by name. Each statement begins with a line "-- name: NAME". In a
// statement, k.* (keys), t.* (tasks), p.* (plans), h.* (history) and m.* (queued deliveries) stand for the columns of
// these tables, in the order of models.go. Instead of the statement NAME, SQLite runs the statement "NAME sqlite" if it
// exists, and a distributed store runs the statement "NAME distributed" if it exists.
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

// must returns a value that was read from an embedded file. The file is part of the program, so no error is possible.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func statement(name string, args query.Args, scan func(query.Row) error) query.Query {
	q, found := statements[name]
	if !found {
		panic("bunstore: there is no statement " + name)
	}
	q.Args, q.Scan = args, scan
	return q
}

// sqlOf returns the text of the statement of that name for this database.
func (d dialect) sqlOf(name string) string { return statement(name, nil, nil).For(d.sql) }
