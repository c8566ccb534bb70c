package bunstore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres passes a batch as one array a column.
type postgres struct{}

func (postgres) embedded() bool { return false }

func (postgres) adapt(sql string) string { return sql }

// clock is not now(), because that is when the transaction began, which may be an embedder's.
func (postgres) clock(func(any) string) string { return "statement_timestamp()" }

func (postgres) placeholder(n int) string { return "$" + strconv.Itoa(n) }

// options make hot statements real prepared ones: the mode of the pool is one without, since bun
// writes its arguments into the text, and each text would be another prepared statement.
func (postgres) options() []any { return []any{pgx.QueryExecModeCacheStatement} }

func (postgres) scalar(value any, param func(any) string) string {
	switch value := value.(type) {
	case int:
		return "CAST(" + param(int64(value)) + " AS bigint)"
	case time.Duration:
		return "(CAST(" + param(value.Microseconds()) + " AS bigint) * interval '1 microsecond')"
	default:
		return "CAST(" + param(value) + " AS text)"
	}
}

func (postgres) table(b batch, param func(any) string) string {
	var arrays []string
	i := 0
	b.columns.each(func(_, kind string) {
		arrays = append(arrays, fmt.Sprintf("CAST(%s AS %s[])", param(array(kind, b.rows, i)), kind))
		i++
	})
	return "SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ") WITH ORDINALITY"
}

func (postgres) oldest(fit string) string {
	return `LATERAL (SELECT * FROM keyseat_plans p WHERE p.country = wanted.country AND ` + fit + ` ORDER BY p.seq LIMIT wanted.n) p`
}

// array is the i-th column of the rows.
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
		case time.Time: // T is a pointer, because NULL is nil
			all[n] = any(&value).(T)
		}
	}
	return all
}
