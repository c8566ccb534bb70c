package query

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sqlite is the dialect of SQLite. It passes rows as one JSON array of arrays, which is one parameter for any
// number of rows. A time is an integer: the microseconds since 1970.
type sqlite struct{ clock func() time.Time }

// SQLite returns the dialect of SQLite. Its @now is the time of the given clock.
func SQLite(clock func() time.Time) Dialect { return sqlite{clock} }

func (sqlite) name() string { return "sqlite" }

func (sqlite) statement(q Query) string {
	if q.SQLite != "" {
		return q.SQLite
	}
	return q.SQL
}

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

func (sqlite) rowsSQL(columns Columns, bind bindFunc) string {
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

func (d sqlite) oneRowSQL(columns Columns, bind bindFunc) string { return d.rowsSQL(columns, bind) }

func (sqlite) noRowsSQL(columns Columns) string {
	return "(SELECT " + columns.List("NULL") + ", 0 WHERE false)"
}

// encodeRows returns rows as JSON. SQLite has no JSON type for times and bytes: times become integers, and
// bytes become hexadecimal texts.
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

// encodeJSON cannot fail: the texts are valid UTF-8, and all other values can be encoded.
func encodeJSON(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
