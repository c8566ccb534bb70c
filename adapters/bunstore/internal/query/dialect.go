package query

import "time"

// A Dialect writes the parts of a statement that differ between PostgreSQL and SQLite: parameters, row sets
// and the current time. It does not change the rest of the text. [Postgres], [PostgresAt] and [SQLite] return
// one.
type Dialect interface {
	// name is a part of the cache key. Dialects that compile a statement to different texts have different
	// names.
	name() string
	// statement returns the text of a query for this database.
	statement(Query) string
	// now returns the value of "@now" if this process provides it, as the argument of nowSQL.
	now() any
	// nowSQL returns the SQL of "@now".
	nowSQL(bindFunc) string
	// placeholder returns the SQL of the n-th parameter, counted from 1.
	placeholder(n int) string
	// scalarSQL returns the SQL of a single value.
	scalarSQL(value any, bind bindFunc) string
	// rowsSQL returns the SQL for FROM that yields the columns of rows and then their order.
	rowsSQL(columns Columns, bind bindFunc) string
	// oneRowSQL returns the same for one row.
	oneRowSQL(columns Columns, bind bindFunc) string
	// noRowsSQL returns the same for no row.
	noRowsSQL(columns Columns) string
}

// A bindFunc adds a bind parameter to a statement and returns its placeholder. The function convert makes
// the value of the parameter from the named argument.
type bindFunc func(convert func(arg any) any) string

func unchanged(arg any) any { return arg }

func microseconds(arg any) any { return arg.(time.Duration).Microseconds() }
