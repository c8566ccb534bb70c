package bunstore

import (
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is the dialect of PostgreSQL. It passes a batch as one array per column.
type postgres struct{ shared bool } // shared: connects through a pooler in transaction mode

func (postgres) embedded() bool { return false }
func (postgres) sharded() bool  { return false }
func (p postgres) pooled() bool { return p.shared }
func (postgres) kind() string   { return "postgres" }

func (postgres) transactional() dialect { return postgres{shared: true} }

func (postgres) adapt(sql string) string {
	return strings.ReplaceAll(sql, "@oldest",
		`LATERAL (SELECT * FROM keyseat_plans p WHERE p.country = wanted.country AND `+claimable+` ORDER BY p.seq LIMIT wanted.n) p`)
}

func (postgres) now() time.Time { return time.Time{} }

// clock returns statement_timestamp(). It is not now(), because now() is the time at which the transaction
// began, and the transaction may be the caller's ([Store.In]).
func (postgres) clock(param) string { return "statement_timestamp()" }

func (postgres) placeholder(n int) string { return "$" + strconv.Itoa(n) }

// hot returns the mode of pgx that prepares a statement, so that Postgres plans it once. The pool's own mode
// prepares nothing, because bun writes its arguments into the text: each text would be another prepared
// statement. Behind a pooler hot returns nil, because a connection keeps nothing after a transaction.
func (p postgres) hot() []any {
	if p.shared {
		return nil
	}
	return []any{pgx.QueryExecModeCacheStatement}
}

func (postgres) scalar(value any, pass param) string {
	switch value.(type) {
	case int:
		return "CAST(" + pass(func(value any) any { return int64(value.(int)) }) + " AS bigint)"
	case time.Duration:
		return "(CAST(" + pass(func(value any) any { return value.(time.Duration).Microseconds() }) + " AS bigint) * interval '1 microsecond')"
	case texts:
		return "CAST(" + pass(func(value any) any { return []string(value.(texts)) }) + " AS text[])"
	default:
		return "CAST(" + pass(func(value any) any { return value }) + " AS text)"
	}
}

func (postgres) rows(columns columns, pass param) string {
	var arrays []string
	columns.each(func(_, kind string) {
		i := len(arrays)
		place := pass(func(value any) any { return array(kind, value.(batch).rows, i) })
		arrays = append(arrays, "CAST("+place+" AS "+kind+"[])")
	})
	return "unnest(" + strings.Join(arrays, ", ") + ") WITH ORDINALITY"
}

// row passes each value of the only row as an argument, not as an array. One change would need 60 arrays,
// and Postgres would spend a large part of the statement's time to unpack them.
func (postgres) row(columns columns, pass param) string {
	var values []string
	columns.each(func(_, kind string) {
		i := len(values)
		values = append(values, "CAST("+pass(func(value any) any { return value.(batch).rows[0][i] })+" AS "+kind+")")
	})
	return "(SELECT " + strings.Join(values, ", ") + ", CAST(1 AS bigint)) AS one"
}

func (postgres) none(columns columns) string {
	var values []string
	columns.each(func(_, kind string) { values = append(values, "CAST(NULL AS "+kind+")") })
	return "(SELECT " + strings.Join(values, ", ") + ", CAST(1 AS bigint) WHERE false) AS none"
}

// array returns the i-th column of the rows as a slice whose element type suits kind, a type of Postgres.
func array(kind string, rows [][]any, i int) any {
	switch kind {
	case "bigint":
		return column[int64](rows, i)
	case "boolean":
		return column[bool](rows, i)
	case "timestamptz":
		return column[*time.Time](rows, i)
	case "bytea":
		return column[[]byte](rows, i)
	default:
		return column[string](rows, i)
	}
}

func column[T any](rows [][]any, i int) []T {
	all := make([]T, len(rows))
	for n, row := range rows {
		switch value := row[i].(type) {
		case T:
			all[n] = value
		case time.Time: // here T is *time.Time, because NULL is nil
			all[n] = any(&value).(T)
		}
	}
	return all
}
