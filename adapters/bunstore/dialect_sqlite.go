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

// sqlite is the dialect of SQLite. It passes a batch as one JSON array of arrays, which is one parameter for
// any number of rows.
type sqlite struct {
	time func() time.Time
	path string // of the file, for error texts; "" if unknown
}

func (sqlite) embedded() bool { return true }
func (sqlite) sharded() bool  { return false }
func (sqlite) pooled() bool   { return false }
func (sqlite) kind() string   { return "sqlite" }

func (d sqlite) transactional() dialect { return d }

var (
	rowLocks = regexp.MustCompile(`FOR UPDATE( OF \w+)?( SKIP LOCKED)?`)
	spots    = regexp.MustCompile(`JOIN LATERAL \(SELECT o\.ctid AS place FROM \w+ o WHERE (.*?) LIMIT 1\) o ON true WHERE x\.ctid = o\.place`)
	laterals = regexp.MustCompile(`LATERAL \(SELECT \* FROM (\w+ \w) WHERE (.*?) (?:LIMIT 1|FOR UPDATE)\) \w ON true`)
)

// adapt removes row locks, because a transaction that writes has locked the whole database. It also
// replaces LATERAL, and a LIMIT that differs by row, because SQLite has neither.
func (sqlite) adapt(sql string) string {
	sql = laterals.ReplaceAllString(byName(sql), "$1 ON $2")
	sql = strings.ReplaceAll(sql, "= ANY (@codes)", "IN (SELECT value FROM json_each(@codes))")
	return strings.ReplaceAll(rowLocks.ReplaceAllString(sql, ""), "@oldest",
		`keyseat_plans p ON p.seq IN (SELECT p.seq FROM keyseat_plans p WHERE p.country = wanted.country AND `+claimable+` ORDER BY p.seq LIMIT @most)`)
}

// byName rewrites an [updateSQL]: the statement finds its rows by their keys instead of their place (ctid).
func byName(sql string) string {
	return spots.ReplaceAllStringFunc(sql, func(found string) string {
		return "WHERE " + strings.ReplaceAll(spots.FindStringSubmatch(found)[1], "o.", "x.")
	})
}

func (d sqlite) now() time.Time { return d.time() }

func (sqlite) clock(pass param) string {
	return pass(func(value any) any { return value.(time.Time).UnixMicro() })
}

func (sqlite) placeholder(n int) string { return "?" + strconv.Itoa(n) }

func (sqlite) hot() []any { return nil }

func (sqlite) scalar(value any, pass param) string {
	switch value.(type) {
	case time.Duration:
		return pass(func(value any) any { return value.(time.Duration).Microseconds() })
	case texts:
		return pass(func(value any) any { return encoded(value.(texts)) })
	}
	return pass(func(value any) any { return value })
}

func (sqlite) rows(columns columns, pass param) string {
	var selected []string
	columns.each(func(_, kind string) {
		format := "value->>%d"
		if kind == "bytea" {
			format = "unhex(value->>%d)"
		}
		selected = append(selected, fmt.Sprintf(format, len(selected)))
	})
	rows := pass(func(value any) any { return encode(value.(batch).rows) })
	return "(SELECT " + strings.Join(selected, ", ") + ", key FROM json_each(" + rows + "))"
}

func (d sqlite) row(columns columns, pass param) string { return d.rows(columns, pass) }

func (sqlite) none(columns columns) string {
	return "(SELECT " + columns.list("NULL") + ", 0 WHERE false)"
}

// encode returns rows as JSON. It cannot fail: the texts are valid UTF-8, and all other values can be encoded.
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
	return encoded(out)
}

func encoded(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
