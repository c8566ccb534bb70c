package query

import (
	"strconv"
	"strings"
	"time"
)

// postgres is the dialect of PostgreSQL. It passes rows as one array per column.
type postgres struct {
	at time.Time // the value of @now; zero: the clock of the server
}

// Postgres returns the dialect of PostgreSQL. Its @now is the clock of the server.
func Postgres() Dialect { return postgres{} }

// PostgresAt returns the dialect of PostgreSQL with a fixed @now. The time travels as an argument. A statement
// on many servers needs that, because each server has its own clock.
func PostgresAt(now time.Time) Dialect { return postgres{now} }

func (p postgres) name() string {
	if p.at.IsZero() {
		return "postgres"
	}
	return "postgres at"
}

func (postgres) statement(q Query) string { return q.SQL }

func (p postgres) now() any { return p.at }

// nowSQL returns statement_timestamp(). It is not now(), because now() is the time at which the transaction
// began. That can be long ago if the program that embeds keyseat began it.
func (p postgres) nowSQL(bind bindFunc) string {
	if p.at.IsZero() {
		return "statement_timestamp()"
	}
	return p.scalarSQL(p.at, bind)
}

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

func (postgres) rowsSQL(columns Columns, bind bindFunc) string {
	var arrays []string
	columns.Each(func(_, kind string) {
		i := len(arrays)
		array := bind(func(arg any) any { return arrayOf(kind, arg.(Rows).Values, i) })
		arrays = append(arrays, "CAST("+array+" AS "+kind+"[])")
	})
	return "unnest(" + strings.Join(arrays, ", ") + ") WITH ORDINALITY"
}

// oneRowSQL passes each value of the only row as an argument, not as an array. One change would need 60
// arrays, and the server would spend a large part of the statement's time to unpack them.
func (postgres) oneRowSQL(columns Columns, bind bindFunc) string {
	var values []string
	columns.Each(func(_, kind string) {
		i := len(values)
		values = append(values, "CAST("+bind(func(arg any) any { return arg.(Rows).Values[0][i] })+" AS "+kind+")")
	})
	return "(SELECT " + strings.Join(values, ", ") + ", CAST(1 AS bigint)) AS one"
}

func (postgres) noRowsSQL(columns Columns) string {
	var values []string
	columns.Each(func(_, kind string) { values = append(values, "CAST(NULL AS "+kind+")") })
	return "(SELECT " + strings.Join(values, ", ") + ", CAST(1 AS bigint) WHERE false) AS none"
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
