package query_test

import (
	"database/sql"
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

// A query may have other statements for a distributed database and for SQLite.
func ExampleCompile_dialects() {
	q := query.Query{
		SQL:         "SELECT 1 FROM keys WHERE code = ANY (@codes) FOR UPDATE SKIP LOCKED",
		SQLite:      "SELECT 1 FROM keys WHERE code IN (SELECT value FROM json_each(@codes))",
		Distributed: "SELECT 1 FROM keys WHERE code = ANY (@codes) FOR UPDATE",
		Args:        query.Args{"codes": query.TextArray{"A"}},
	}
	for _, d := range []query.Dialect{query.Postgres(), query.SQLite(time.Now), query.Distributed()} {
		sql, _, _ := query.Compile(d, q)
		fmt.Println(sql)
	}
	// Output:
	// SELECT 1 FROM keys WHERE code = ANY (CAST($1 AS text[])) FOR UPDATE SKIP LOCKED
	// SELECT 1 FROM keys WHERE code IN (SELECT value FROM json_each(?1))
	// SELECT 1 FROM keys WHERE code = ANY (CAST($1 AS text[])) FOR UPDATE
}

// TestValuesOfOtherTypes checks that a column refuses a stored value of another type, and does not quote it.
func TestValuesOfOtherTypes(t *testing.T) {
	read := map[string]func(query.Row) error{
		"text":  query.Into(new(string)),
		"whole": query.Into(new(int)),
		"flag":  query.Into(new(bool)),
		"time":  query.Into(new(time.Time)),
		"bytes": query.Into(new([]byte)),
		"list":  query.Into(new([]string)),
	}
	for value, columns := range map[any][]string{"secret": {"whole", "flag", "time", "bytes", "list"}, 1.5: {"text", "list"}} {
		for _, name := range columns {
			err := read[name](func(into ...any) error { return into[0].(sql.Scanner).Scan(value) })
			if err == nil || len(err.Error()) > 40 {
				t.Errorf("%s of %v: %v", name, value, err)
			}
		}
	}
}

// The fields of inner structs are columns too. A row keeps nothing of the row before it.
func ExampleReader() {
	type inner struct {
		Count int
		List  []string
	}
	r := query.NewReader[struct {
		Name string
		inner
		At time.Time
	}]()
	for _, values := range [][]any{{"a", int64(1), `["x"]`, int64(5)}, {"b", "broken"}, {nil, nil, nil, nil}} {
		fmt.Println(r.Read(func(into ...any) error {
			for i, v := range values {
				if err := into[i].(sql.Scanner).Scan(v); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	// Output:
	// {a {1 [x]} 1970-01-01 00:00:00.000005 +0000 UTC} <nil>
	// {b {0 []} 0001-01-01 00:00:00 +0000 UTC} a stored value is not a whole number
	// { {0 []} 0001-01-01 00:00:00 +0000 UTC} <nil>
}
