package bunstore

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// sqlite passes a batch as one JSON array of arrays: one parameter, however many rows.
type sqlite struct{ time func() time.Time }

func (sqlite) embedded() bool { return true }

var rowLocks = regexp.MustCompile(`FOR UPDATE( OF \w+)?( SKIP LOCKED)?`)

// adapt drops the locks of rows: a transaction that writes has the whole database.
func (sqlite) adapt(sql string) string { return rowLocks.ReplaceAllString(sql, "") }

func (d sqlite) clock(param func(any) string) string { return param(d.time().UnixMicro()) }

func (sqlite) placeholder(n int) string { return "?" + strconv.Itoa(n) }

func (sqlite) options() []any { return nil }

func (sqlite) scalar(value any, param func(any) string) string {
	if d, isSpan := value.(time.Duration); isSpan {
		return param(d.Microseconds())
	}
	return param(value)
}

func (sqlite) table(b batch, param func(any) string) string {
	var selected []string
	i := 0
	b.columns.each(func(_, kind string) {
		format := "value->>%d"
		if kind == "bytea" {
			format = "unhex(value->>%d)"
		}
		selected = append(selected, fmt.Sprintf(format, i))
		i++
	})
	return "SELECT " + strings.Join(selected, ", ") + ", key FROM json_each(" + param(encode(b.rows)) + ")"
}

// oldest does without LATERAL, and without a LIMIT that differs by row.
func (sqlite) oldest(fit string) string {
	return `keyseat_plans p ON p.seq IN (SELECT p.seq FROM keyseat_plans p WHERE p.country = wanted.country AND ` + fit + ` ORDER BY p.seq LIMIT @most)`
}

// encode writes rows as JSON. The texts are UTF-8 already, and nothing else can fail to encode.
func encode(rows [][]any) string {
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
	text, _ := json.Marshal(out)
	return string(text)
}
