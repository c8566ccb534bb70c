package dberr //nolint:testpackage // tests texts that are not exported

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
	modernc "modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

const canary = "hunter2canary"

// goType matches the name of a Go type in a text for people.
var goType = regexp.MustCompile(`\*?\b[a-z]+\.[A-Z]`)

// checkText checks the rules for every error text.
func checkText(t *testing.T, text string) {
	t.Helper()
	if goType.MatchString(text) || strings.TrimRight(text, ": ") != text || text == "" || strings.Contains(text, "\n") || strings.Contains(text, canary) {
		t.Errorf("the text is %q", text)
	}
}

func TestErrorTexts(t *testing.T) {
	refused := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5432}, Err: syscall.ECONNRESET}
	for _, c := range []struct {
		err  error
		want string
	}{
		{
			&pgconn.PgError{Code: "42501", Message: "permission denied for table keyseat_keys"},
			"permission denied for table keyseat_keys (PostgreSQL, migrate, SQLSTATE 42501 insufficient_privilege); let the owner of the database grant it to the role",
		},
		{
			&pgconn.PgError{Code: "3F000", Message: "no schema has been selected to create in"},
			"no schema has been selected to create in (PostgreSQL, migrate, SQLSTATE 3F000 invalid_schema_name); create the schema, or correct the search_path of the role, the database or the URL",
		},
		{
			&pgconn.PgError{Code: "25006", Message: "cannot execute INSERT in a read-only transaction"},
			"cannot execute INSERT in a read-only transaction (PostgreSQL, migrate, SQLSTATE 25006 read_only_sql_transaction); connect to the primary: this server is a standby, or default_transaction_read_only is on",
		},
		{
			&pgconn.PgError{Code: "22021", Message: "invalid byte sequence: " + canary, Detail: canary},
			"the server reports: character not in repertoire (PostgreSQL, migrate, SQLSTATE 22021 character_not_in_repertoire); use a database with ENCODING 'UTF8'",
		},
		{
			&pgconn.PgError{Code: "57014", Message: "canceling statement due to statement timeout"},
			"canceling statement due to statement timeout (PostgreSQL, migrate, SQLSTATE 57014 query_canceled); if it is the server's statement_timeout, raise it for the role",
		},
		{
			&pgconn.PgError{Code: "08006", Message: "connection to the remote node a@b:1 failed"},
			"connection to the remote node a@b:1 failed (PostgreSQL, migrate, SQLSTATE 08006 connection_failure)",
		},
		{
			fmt.Errorf("x: %w", &pgconn.PgError{Code: "53300", Message: "sorry, too many clients already"}),
			"sorry, too many clients already (PostgreSQL, migrate, SQLSTATE 53300 too_many_connections); end other clients, lower --database-conns of the daemons, or raise max_connections or the role's connection limit",
		},
		{
			&pgconn.PgError{Code: "08P01", Message: "query_wait_timeout"},
			"query_wait_timeout (PostgreSQL, migrate, SQLSTATE 08P01 protocol_violation); if it is a pooler whose pool is full, lower --database-conns of the daemons, or enlarge the pool",
		},
		{
			&pgconn.PgError{Code: "42P05", Message: `prepared statement "stmt_1" already exists`},
			`prepared statement "stmt_1" already exists (PostgreSQL, migrate, SQLSTATE 42P05 duplicate_prepared_statement); a pooler in transaction mode mixes prepared statements up: set --database-pooler transaction`,
		},
		{
			&pgconn.PgError{Code: "26000", Message: `prepared statement "stmt_1" does not exist`},
			`prepared statement "stmt_1" does not exist (PostgreSQL, migrate, SQLSTATE 26000 invalid_sql_statement_name); a pooler in transaction mode loses prepared statements: set --database-pooler transaction`,
		},
		{
			&pgconn.PgError{Code: "42P07", Message: `relation "keyseat_keys" already exists`},
			`relation "keyseat_keys" already exists (PostgreSQL, migrate, SQLSTATE 42P07 duplicate_table); another program has made it: give keyseat a database or schema of its own`,
		},
		{
			&pgconn.PgError{Code: "23514", Message: canary, Detail: canary, ConstraintName: "keyseat_tasks_check"},
			"the server reports: check violation, constraint keyseat_tasks_check (PostgreSQL, migrate, SQLSTATE 23514 check_violation)",
		},
		{&pgconn.PgError{Code: "42601", Message: "syntax error at or near " + canary}, "the server reports: syntax error (PostgreSQL, migrate, SQLSTATE 42601 syntax_error)"},
		{&pgconn.PgError{Code: "ZZ999", Message: canary}, "the server reports an error (PostgreSQL, migrate, SQLSTATE ZZ999)"},
		{
			&fs.PathError{Op: "open", Path: "/x/k.db-migrate", Err: syscall.EACCES},
			"cannot open /x/k.db-migrate: permission denied; the user that runs keyseatd must own it, or be allowed to read and write it and its folder",
		},
		{refused, "the connection to PostgreSQL at 127.0.0.1:5432 broke: connection reset by peer"},
		{
			fmt.Errorf("sql: Scan error on column index 0: %w", fmt.Errorf("cannot scan %q into *time.Time", canary)),
			`sql: Scan error on column index 0: cannot scan "…" into a Go value (PostgreSQL, migrate)`,
		},
		{
			fmt.Errorf("failed to encode args[2]: unable to encode %#v into text format for int8 (OID 20): %w", []byte(canary), errors.New("")),
			"failed to encode args[…] (PostgreSQL, migrate)",
		},
		{errors.New(""), "an error without a text (PostgreSQL, migrate)"},
		{io.ErrUnexpectedEOF, "the server has closed the connection (PostgreSQL, migrate)"},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), "no answer in time (PostgreSQL, migrate)"},
		{Public("the server is read-only"), "the server is read-only (PostgreSQL, migrate)"},
	} {
		got := Wrap("PostgreSQL", "migrate", c.err).Error()
		if checkText(t, got); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestEverySQLiteCodeHasWords checks every result code for which the driver has a name, and one code of each
// kind for which it has no name.
func TestEverySQLiteCodeHasWords(t *testing.T) {
	codes := []int{1 | 99<<8, 10 | 99<<8, 14 | 99<<8}
	for code := range modernc.ErrorCodeString {
		codes = append(codes, code)
	}
	for code := range sqliteNames {
		codes = append(codes, code)
	}
	for _, code := range codes {
		d := describeSQLite(code, canary)
		checkText(t, d.publicText("SQLite, open"))
		if !strings.HasPrefix(d.code, "SQLITE_") {
			t.Errorf("%d is called %q", code, d.code)
		}
	}
	got := describeSQLite(1, "SQL logic error: table keyseat_keys already exists (1)").publicText("SQLite /k.db, migrate")
	if want := "SQLite refuses a statement: table keyseat_keys already exists (SQLite /k.db, migrate, SQLITE_ERROR)"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestNoValueInErrors provokes errors that quote a parameter or a literal. It checks that the text of
// [Wrap] has no such value. As a control, at least two of the original errors must quote the value.
func TestNoValueInErrors(t *testing.T) {
	const setup = `CREATE TABLE t (v text PRIMARY KEY CHECK (v <> 'x'), n int)`
	statements := map[string][]string{
		"pgx": {
			`INSERT INTO t VALUES ('` + canary + `'), ('` + canary + `')`, `SELECT '` + canary + `'::int`, `SELECT '` + canary + `'::timestamptz`,
			`SELECT '{` + canary + `'::int[]`, `SELECT '` + canary + `'::json`, `SELECT 1 '` + canary + `' 2`, `SELECT nothing('` + canary + `')`,
			`DO $$ BEGIN RAISE '` + canary + `'; END $$`, `SELECT '` + canary + `'::regclass`, `SELECT '` + canary + `' COLLATE "de"`, `SELECT '` + canary + `'::regrole`,
			`SELECT to_date('` + canary + `', 'YYYY')`, `SELECT '\x` + canary + `'::bytea`, `SET DateStyle = '` + canary + `'`,
			`SELECT set_config('statement_timeout', '` + canary + `', false)`, `SELECT '` + canary + `' FROM t FOR`,
		},
		"sqlite": {
			`INSERT INTO t VALUES ('` + canary + `', 1), ('` + canary + `', 1)`, `SELECT 1 '` + canary + `' 2`, `SELECT nothing('` + canary + `')`,
			`SELECT '` + canary + `' FROM "` + canary + `"`, `SELECT json('` + canary + `')`, `SELECT '` + canary, `SELECT raise('` + canary + `')`,
		},
	}
	system := map[string]string{"pgx": "PostgreSQL", "sqlite": "SQLite"}
	for driver, all := range statements {
		t.Run(driver, func(t *testing.T) {
			dsn := t.TempDir() + "/k.db"
			if driver == "pgx" {
				dsn = pgtest.URL(t)
			}
			db, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }() // only this test uses it
			if _, err := db.ExecContext(t.Context(), setup); err != nil {
				t.Fatal(err)
			}
			quoted := 0
			for _, statement := range all {
				_, err := db.ExecContext(t.Context(), statement)
				if err == nil {
					t.Errorf("%s succeeded", statement)
					continue
				}
				if strings.Contains(fmt.Sprintf("%+v", *asAny(err)), canary) {
					quoted++
				}
				checkText(t, Wrap(system[driver], "apply", err).Error())
			}
			if quoted < 2 {
				t.Errorf("only %d of the errors quote the value, so the test shows nothing", quoted)
			}
			var n int
			err = db.QueryRowContext(t.Context(), `SELECT '`+canary+`'`).Scan(&n)
			checkText(t, Wrap(system[driver], "view", err).Error())
			_, err = db.ExecContext(t.Context(), `UPDATE t SET n = $1::int`, canary)
			if driver == "pgx" {
				checkText(t, Wrap(system[driver], "apply", err).Error())
			}
		})
	}
}

// asAny returns all data that the server has sent, in addition to the text.
func asAny(err error) *any {
	var all any = err.Error()
	if server, is := errors.AsType[*pgconn.PgError](err); is {
		all = *server
	}
	return &all
}

func TestMain(m *testing.M) { pgtest.Main(m) }
