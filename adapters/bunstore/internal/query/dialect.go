package query

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Dialect writes the parts of a statement that differ between PostgreSQL and SQLite: parameters, row sets
// and the current time. [Postgres], [Distributed] and [SQLite] return one.
type Dialect interface {
	// name is a part of the cache key. Two dialects that compile a statement to different texts have different names.
	name() string
	// statement returns the text of a query for this database.
	statement(Query) string
	// now returns the value of "@now", or nil if the SQL of nowSQL has no parameter.
	now() any
	// nowSQL returns the SQL of "@now".
	nowSQL(bindFunc) string
	// placeholder returns the SQL of the n-th parameter, counted from 1.
	placeholder(n int) string
	// inSQL returns the condition that a column has one of the values of a [TextArray]. In the SQL, "?" stands for the
	// array.
	inSQL(column string) string
	// scalarSQL returns the SQL of a single value.
	scalarSQL(value any, bind bindFunc) string
	// rowsSQL returns a table expression for FROM. Its n rows have the given columns, and then the position of the row.
	// If n is [anyNumber], the SQL is the same for every number of rows.
	rowsSQL(columns Columns, n int, bind bindFunc) string
}

// For returns the statement for a database, in which the arguments are still written as @name.
func (q Query) For(d Dialect) string { return d.statement(q) }

const anyNumber = -1

// A bindFunc adds a bind parameter to a statement and returns its placeholder. The function convert makes
// the value of the parameter from the named argument.
type bindFunc func(convert func(arg any) any) string

func unchanged(arg any) any { return arg }

func microseconds(arg any) any { return arg.(time.Duration).Microseconds() }

// postgres is the dialect of PostgreSQL. It passes rows as one array per column.
type postgres struct{ distributed bool }

// Postgres returns the dialect of PostgreSQL. Its @now is the clock of the server.
func Postgres() Dialect { return postgres{} }

// Distributed returns the dialect of a distributed PostgreSQL. A statement on many servers must not have @now, because
// each server has its own clock.
func Distributed() Dialect { return postgres{distributed: true} }

func (p postgres) name() string {
	if p.distributed {
		return "distributed"
	}
	return "postgres"
}

func (p postgres) statement(q Query) string {
	if p.distributed {
		return cmp.Or(q.Distributed, q.SQL)
	}
	return q.SQL
}

func (postgres) now() any { return nil }

// nowSQL returns statement_timestamp(). The function now() would return the time at which the transaction began. That
// can be long ago if the program that embeds keyseat began the transaction.
func (postgres) nowSQL(bindFunc) string { return "statement_timestamp()" }

func (postgres) placeholder(n int) string { return "$" + strconv.Itoa(n) }

func (postgres) scalarSQL(value any, bind bindFunc) string {
	switch value.(type) {
	case int:
		return "CAST(" + bind(func(arg any) any { return int64(arg.(int)) }) + " AS bigint)"
	case time.Time:
		return "CAST(" + bind(unchanged) + " AS timestamptz)"
	case time.Duration:
		return "(CAST(" + bind(microseconds) + " AS bigint) * interval '1 microsecond')"
	case TextArray:
		return "CAST(" + bind(func(arg any) any { return []string(arg.(TextArray)) }) + " AS text[])"
	default:
		return "CAST(" + bind(unchanged) + " AS text)"
	}
}

func (postgres) inSQL(column string) string { return column + " = ANY (?)" }

// rowsSQL passes each value of a single row as an argument, not as an array. For one change the server would have to
// unpack 60 arrays, which would be a large part of the time of the statement.
func (p postgres) rowsSQL(columns Columns, n int, bind bindFunc) string {
	switch n {
	case 0:
		return "(SELECT " + p.values(columns, func(int) string { return "NULL" }) + ", CAST(1 AS bigint) WHERE false) AS none"
	case 1:
		value := func(i int) string { return bind(func(arg any) any { return arg.(Rows).Values[0][i] }) }
		return "(SELECT " + p.values(columns, value) + ", CAST(1 AS bigint)) AS one"
	}
	var arrays []string
	columns.Each(func(_, kind string) {
		i := len(arrays)
		array := bind(func(arg any) any { return arrayOf(kind, arg.(Rows).Values, i) })
		arrays = append(arrays, "CAST("+array+" AS "+kind+"[])")
	})
	return "unnest(" + strings.Join(arrays, ", ") + ") WITH ORDINALITY"
}

func (postgres) values(columns Columns, value func(i int) string) string {
	var all []string
	columns.Each(func(_, kind string) { all = append(all, "CAST("+value(len(all))+" AS "+kind+")") })
	return strings.Join(all, ", ")
}

// arrayOf returns the i-th column of the rows as a slice whose element type suits kind, a type of PostgreSQL.
func arrayOf(kind string, rows [][]any, i int) any {
	switch kind {
	case "bigint":
		return columnOf[int64](rows, i)
	case "boolean":
		return columnOf[bool](rows, i)
	case "timestamptz":
		return columnOf[*time.Time](rows, i)
	case "bytea":
		return columnOf[[]byte](rows, i)
	default:
		return columnOf[string](rows, i)
	}
}

// sqlite is the dialect of SQLite. It passes rows as one JSON array of arrays, which is one parameter for any
// number of rows. A time is an integer: the microseconds since 1970.
type sqlite struct{ clock func() time.Time }

// SQLite returns the dialect of SQLite. Its @now is the time of the given clock.
func SQLite(clock func() time.Time) Dialect { return sqlite{clock} }

func (sqlite) name() string { return "sqlite" }

func (sqlite) statement(q Query) string { return cmp.Or(q.SQLite, q.SQL) }

func (d sqlite) now() any { return d.clock() }

func (sqlite) nowSQL(bind bindFunc) string {
	return bind(func(arg any) any { return arg.(time.Time).UnixMicro() })
}

func (sqlite) placeholder(n int) string { return "?" + strconv.Itoa(n) }

func (d sqlite) scalarSQL(value any, bind bindFunc) string {
	switch value.(type) {
	case time.Time:
		return d.nowSQL(bind)
	case time.Duration:
		return bind(microseconds)
	case TextArray:
		return bind(func(arg any) any { return encodeJSON(arg) })
	}
	return bind(unchanged)
}

func (sqlite) inSQL(column string) string { return column + " IN (SELECT value FROM json_each(?))" }

func (sqlite) rowsSQL(columns Columns, n int, bind bindFunc) string {
	if n == 0 {
		return "(SELECT " + columns.List("NULL") + ", 0 WHERE false)"
	}
	var selected []string
	columns.Each(func(_, kind string) {
		format := "value->>%d"
		if kind == "bytea" {
			format = "unhex(value->>%d)"
		}
		selected = append(selected, fmt.Sprintf(format, len(selected)))
	})
	rows := bind(func(arg any) any { return encodeRows(arg.(Rows).Values) })
	return "(SELECT " + strings.Join(selected, ", ") + ", key FROM json_each(" + rows + "))"
}

// encodeRows returns rows as JSON. JSON has no type for times and bytes: they become integers and hexadecimal texts.
func encodeRows(rows [][]any) string {
	out := make([][]any, len(rows))
	for n, row := range rows {
		out[n] = make([]any, len(row))
		for i, value := range row {
			switch value := value.(type) {
			case time.Time:
				out[n][i] = value.UnixMicro()
			case []byte:
				out[n][i] = hex.EncodeToString(value)
			default:
				out[n][i] = value
			}
		}
	}
	return encodeJSON(out)
}

// encodeJSON returns a value as JSON. It cannot fail, because all values of the package can be encoded.
func encodeJSON(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
