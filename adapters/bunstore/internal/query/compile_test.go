package query_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

func ExampleCompile() {
	clock := func() time.Time { return time.UnixMicro(5) }
	for _, codes := range [][][]any{{{"A"}, {"B"}}, {{"A"}}, nil} {
		q := query.Query{
			SQL:  "WITH @want UPDATE keyseat_keys SET limit_at = @now + @ttl WHERE code IN (SELECT code FROM want)",
			Args: query.Args{"want": query.Rows{Columns: "code text", Values: codes}, "ttl": time.Second},
		}
		for _, d := range []query.Dialect{query.Postgres(), query.SQLite(clock)} {
			sql, values, err := query.Compile(d, q)
			fmt.Println(sql, values, err)
		}
	}
	// Output:
	// WITH want (code, place) AS (SELECT * FROM unnest(CAST($1 AS text[])) WITH ORDINALITY) UPDATE keyseat_keys SET limit_at = statement_timestamp() + (CAST($2 AS bigint) * interval '1 microsecond') WHERE code IN (SELECT code FROM want) [[A B] 1000000] <nil>
	// WITH want (code, place) AS (SELECT * FROM (SELECT value->>0, key FROM json_each(?1))) UPDATE keyseat_keys SET limit_at = ?2 + ?3 WHERE code IN (SELECT code FROM want) [[["A"],["B"]] 5 1000000] <nil>
	// WITH want (code, place) AS (SELECT * FROM (SELECT CAST($1 AS text), CAST(1 AS bigint)) AS one) UPDATE keyseat_keys SET limit_at = statement_timestamp() + (CAST($2 AS bigint) * interval '1 microsecond') WHERE code IN (SELECT code FROM want) [A 1000000] <nil>
	// WITH want (code, place) AS (SELECT * FROM (SELECT value->>0, key FROM json_each(?1))) UPDATE keyseat_keys SET limit_at = ?2 + ?3 WHERE code IN (SELECT code FROM want) [[["A"]] 5 1000000] <nil>
	// WITH want (code, place) AS (SELECT * FROM (SELECT CAST(NULL AS text), CAST(1 AS bigint) WHERE false) AS none) UPDATE keyseat_keys SET limit_at = statement_timestamp() + (CAST($1 AS bigint) * interval '1 microsecond') WHERE code IN (SELECT code FROM want) [1000000] <nil>
	// WITH want (code, place) AS (SELECT * FROM (SELECT NULL, 0 WHERE false)) UPDATE keyseat_keys SET limit_at = ?1 + ?2 WHERE code IN (SELECT code FROM want) [5 1000000] <nil>
}

// TestArgumentsThatCannotBeStored checks every kind of argument that has texts.
func TestArgumentsThatCannotBeStored(t *testing.T) {
	for _, text := range []string{"a\x00b", "\xff"} {
		rows := query.Rows{Columns: "code text", Values: [][]any{{text}}}
		for _, arg := range []any{text, query.TextArray{"a", text}, rows, query.InlineRows(rows)} {
			if _, _, err := query.Compile(query.Postgres(), query.Query{SQL: "SELECT @a", Args: query.Args{"a": arg}}); err == nil {
				t.Errorf("%T: %q was accepted", arg, text)
			}
		}
	}
}

// TestPostgresAt checks that a fixed time is an argument.
func TestPostgresAt(t *testing.T) {
	now := time.UnixMicro(5)
	sql, values, err := query.Compile(query.PostgresAt(now), query.Query{SQL: "SELECT @now, @now"})
	if want := "SELECT CAST($1 AS timestamptz), CAST($1 AS timestamptz)"; sql != want || len(values) != 1 || values[0] != now || err != nil {
		t.Errorf("got %s, %v, %v", sql, values, err)
	}
}

// TestValuesOfOtherTypes checks that a column refuses a stored value of another type, and does not quote it.
func TestValuesOfOtherTypes(t *testing.T) {
	var (
		text  string
		whole int
		flag  bool
		at    time.Time
		data  []byte
		list  []string
	)
	for value, columns := range map[any][]query.Column{
		"secret": {query.Int(&whole), query.Bool(&flag), query.Time(&at), query.Bytes(&data), query.JSONList{To: &list}},
		1.5:      {query.Text(&text)},
	} {
		for _, c := range columns {
			if err := c.Scan(value); err == nil || len(err.Error()) > 40 {
				t.Errorf("%T of %v: %v", c, value, err)
			}
		}
	}
}
