// Package query is the query engine of bunstore. It turns statements with named arguments into the SQL of
// PostgreSQL or SQLite, and reads rows into the fields of structs.
//
//	a port of bunstore         Query{SQL, Args, Scan}      "WITH @want SELECT … WHERE k.code = want.code"
//	                             │
//	Compile, for a Dialect       │  replaces each @name; the result is cached
//	                             ▼
//	database/sql or pgx        text with $1 or ?1, and the values of the parameters
//	                             │
//	                             ▼
//	Row ──▶ Reader             the columns of the result ──▶ the fields of a struct
//
// A [Table] pairs the columns of a database table with the fields of a struct. [Table.Rows] converts structs to an
// argument of a query.
//
// Statements are written for PostgreSQL. The dialect of SQLite replaces a few parts of them, such as FOR UPDATE. Where
// that is not enough, [Query.SQLite] has the whole statement.
//
// A [Select] is a query that bun writes for a model.
//
// The package knows nothing of keys, tasks and plans, and has no connection. A [Runner] has one.
package query

import (
	"context"
	"strings"
	"time"
)

// A Query is a statement with its arguments. Scan is called for every row of the result.
type Query struct {
	SQL    string
	SQLite string // the statement for SQLite, if it is another one; the same SQL always has the same one
	Rare   bool   // the text has many forms, so its compiled form is not cached
	Args   Args
	Scan   func(Row) error
}

// A Runner runs statements in order, until one returns an error. It may send all of them together.
type Runner func(ctx context.Context, all ...Query) error

// Args are the named arguments of a statement: the text "@n" is replaced by Args["n"]. The replacement
// depends on the type of the argument:
//
//	int, string, time.Time, time.Duration   a bind parameter
//	Rows                                    a common table expression with that name; it belongs after WITH
//	TextArray                               an array, for "= ANY (@codes)"
//	InlineRows                              a table in FROM
//
// Values of other types must be columns of [Rows]. A given text must always have arguments of the same types,
// because its compiled form is cached.
//
// The text "@now" needs no argument. It is the current time of the [Dialect].
//
// For example, this statement marks two keys as used:
//
//	WITH @want UPDATE keyseat_keys SET used = true WHERE code IN (SELECT code FROM want)
//	Args{"want": Rows{Columns: "code text", Values: [][]any{{"A"}, {"B"}}}}
type Args map[string]any

// Rows is a small table whose values are bind parameters. The text of a statement does not depend on the
// number of rows. There are two exceptions: no row and one row compile to shorter texts.
type Rows struct {
	Columns Columns // the compiled table has one more, "place": the order of the rows
	Values  [][]any // of each row
}

// Add appends a row.
func (r *Rows) Add(values ...any) { r.Values = append(r.Values, values) }

// Texts returns the values of a column.
func (r Rows) Texts(column string) (all TextArray) {
	i := 0
	r.Columns.Each(func(name, _ string) {
		if name == column {
			all = columnOf[string](r.Values, i)
		}
		i++
	})
	return all
}

// columnOf returns the i-th column of rows, whose values are of type T or nil.
func columnOf[T any](rows [][]any, i int) []T {
	all := make([]T, len(rows))
	for n, row := range rows {
		switch value := row[i].(type) {
		case T:
			all[n] = value
		case time.Time: // T is then *time.Time, so that a nil pointer can stand for NULL
			all[n] = any(&value).(T)
		}
	}
	return all
}

// InlineRows are rows that become a table in FROM. Distributed stores need them, because a statement on many
// servers cannot have WITH.
type InlineRows Rows

// A TextArray is an array of texts.
type TextArray []string

// Columns lists names and types of columns: "code text, version bigint".
type Columns string

// Each calls do with the name and the type of every column.
func (c Columns) Each(do func(name, kind string)) {
	for column := range strings.SplitSeq(string(c), ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		do(name, kind)
	}
}

// List returns the names, each in the given format: "k.%" gives "k.code, k.version".
func (c Columns) List(format string) string {
	var names []string
	c.Each(func(name, _ string) { names = append(names, strings.ReplaceAll(format, "%", name)) })
	return strings.Join(names, ", ")
}
