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
// A [Table] pairs the columns of a database table with the fields of a struct. [Table.Rows] converts structs to [Rows].
//
// Statements are written for PostgreSQL. Where SQLite needs another statement, [Query.SQLite] has that statement.
//
// A [Select] is a query that bun writes for a model.
//
// The package knows nothing of keys, tasks and plans, and has no connection. A [Runner] has one.
package query

import (
	"context"
	"database/sql"
	"reflect"
	"strings"
	"time"
)

// A Query is a statement with its arguments. Scan is called for every row of the result.
type Query struct {
	SQL  string
	Rare bool // the statement is not cached, because its text is built from the arguments and has many variants
	Args Args
	Scan func(Row) error

	// The statements for SQLite and for a distributed PostgreSQL, or "" where SQL suits. Queries with the same SQL must
	// have the same values here, because the compiled statement is cached by SQL.
	SQLite, Distributed string
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
// Values of other types must be columns of [Rows]. A given text must always have arguments of the same types, because
// the compiled statement is cached.
//
// The text "@now" needs no argument. It is the current time of the [Dialect].
//
// For example, this statement marks two keys as used:
//
//	WITH @want UPDATE keyseat_keys SET used = true WHERE code IN (SELECT code FROM want)
//	Args{"want": Rows{Columns: "code text", Values: [][]any{{"A"}, {"B"}}}}
type Args map[string]any

// Rows is a small table whose values are bind parameters. The text of a statement does not depend on the number of
// rows. There are two exceptions: Rows without a row and with one row compile to shorter texts.
type Rows struct {
	Columns Columns // the compiled table has one more column, "place": the position of the row
	Values  [][]any // the values of each row
}

// TextRows returns rows with one column of texts.
func TextRows[S ~string](column string, texts []S) Rows {
	r := Rows{Columns: Columns(column + " text")}
	for _, text := range texts {
		r.Add(string(text))
	}
	return r
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
		case time.Time: // then T is *time.Time, so that a nil pointer can stand for NULL
			all[n] = any(&value).(T)
		}
	}
	return all
}

// InlineRows are rows that become a table in FROM. A statement on many servers needs them, because it cannot have WITH.
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

// List returns the names of the columns, each in the given format. For example, "k.%" gives "k.code, k.version".
func (c Columns) List(format string) string {
	var names []string
	c.Each(func(name, _ string) { names = append(names, strings.ReplaceAll(format, "%", name)) })
	return strings.Join(names, ", ")
}

// A Row is a row of a statement's result: a function that copies the columns into variables, as [sql.Rows.Scan] does.
type Row func(into ...any) error

// A Reader reads rows into a variable. Its type T is the type of a column, or a struct whose fields are the columns in
// order. A nested struct is replaced by its fields, unless its type is the type of a column.
type Reader[T any] struct {
	row   struct{ Value T } // a struct, so that T can also be the type of a column
	into  []any
	lists []*listCol
}

// NewReader returns a Reader. It panics if T has a field that is no column.
func NewReader[T any]() *Reader[T] {
	r := &Reader[T]{}
	row := reflect.ValueOf(&r.row).Elem()
	fields := fieldsOf(row.Type())
	r.into = make([]any, 0, len(fields))
	for _, f := range fields {
		c := f.column(row.FieldByIndex(f.index))
		if list, is := c.(*listCol); is {
			r.lists = append(r.lists, list)
		}
		r.into = append(r.into, c)
	}
	return r
}

// Read returns the value of a row. After an error the value still has all fields that come before the unreadable field.
func (r *Reader[T]) Read(row Row) (T, error) {
	var none T
	r.row.Value = none
	err := row(r.into...)
	for _, list := range r.lists {
		if err == nil {
			err = list.decode()
		}
	}
	return r.row.Value, err
}

// Each returns a function that reads a row as a value of type T, see [Reader], and calls use with the value.
func Each[T any](use func(T)) func(Row) error {
	r := NewReader[T]()
	return func(row Row) error {
		value, err := r.Read(row)
		if err == nil {
			use(value)
		}
		return err
	}
}

// Append returns a function that appends each row to a slice.
func Append[T any](to *[]T) func(Row) error { return Each(func(value T) { *to = append(*to, value) }) }

// Into returns a function that reads a row into a variable.
func Into[T any](to *T) func(Row) error { return Each(func(value T) { *to = value }) }

// Discard ignores a row.
func Discard(Row) error { return nil }

// ScanRows calls scan for every row of a query's result and closes rows. If err is not nil, it returns err.
func ScanRows(rows *sql.Rows, err error, scan func(Row) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
