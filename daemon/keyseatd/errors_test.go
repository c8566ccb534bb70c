package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// goType matches the name of a Go type in a message for people.
var goType = regexp.MustCompile(`\*[a-z]+\.[A-Z]`)

// checkStderr checks rules for everything that a command writes to standard error.
func checkStderr(t *testing.T, args []string, said string) {
	t.Helper()
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(line, "\n")
		if goType.MatchString(line) || strings.HasSuffix(line, ": ") || strings.HasSuffix(line, ":") && strings.HasPrefix(line, "keyseatd:") {
			t.Errorf("%q says %q", args, line)
		}
	}
}

// failsWith runs a command that must fail, and compares its whole error message.
func (sh shell) failsWith(status int, want string, line string) {
	sh.Helper()
	out, err, got := sh.run("", strings.Fields(line)...)
	if got != status || out != "" || err != "keyseatd: "+want+"\n" {
		sh.Errorf("%s: status %d, %q\ngot  %swant keyseatd: %s", line, got, out, err, want)
	}
}

// everyCommand lists the commands that open a database, with the required arguments.
var everyCommand = []string{
	"migrate", "keys export", "keys show A", "keys revoke A", "keys restore A", "keys reset A", "keys generate --count 1",
	"keys import keys.csv", "keys import --dry-run keys.csv", "plans import plans.csv", "plans list", "plans retire p", "plans restock p", "plans release t",
	"tasks list", "tasks retry t", "tasks resolve t --outcome success", "stock", "master-key prune master.key", "master-key rotate master.key", "doctor",
	"archive --before 2020-01-01 --to archive", "webhooks list", "webhooks deliveries", "webhooks replay shop --since 1h",
	"webhooks resume shop", "webhooks forget shop",
	"serve --connector https://127.0.0.1:1 --master-key-file master.key --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0",
}

// newFailingShell returns a shell in a folder with the files that [everyCommand] needs.
func newFailingShell(t *testing.T, database string) shell {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	sh := shell{t, dir, []string{"KEYSEAT_DATABASE=" + database}}
	sh.file("keys.csv", "code\nA\n")
	sh.file("plans.csv", "id,country,slots\np,US,1\n")
	sh.ok("master-key", "add", "master.key")
	return sh
}

// TestEveryCommandWithoutADatabase checks that all commands give the same error for an unusable database.
func TestEveryCommandWithoutADatabase(t *testing.T) {
	closed := closedPort(t)
	folder, text := t.TempDir(), filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for database, want := range map[string]string{
		"postgres://u:hunter2@" + closed + "/d":                                "cannot reach PostgreSQL at " + closed + ": connection refused",
		"postgres://u:hunter2@" + closed + "," + closed + "/d?sslmode=disable": "cannot reach PostgreSQL at " + closed + ": connection refused",
		"postgres://u:hunter2@h/d?sslrootcert=/no.pem&sslmode=verify-full":     "the database URL is not valid: cannot open /no.pem: no such file or directory",
		"postgres://u:hunter2@h/d?sslmode=perhaps":                             "the database URL is not valid: TLS: sslmode is invalid",
		"postgres://u:hunter2@h:port/d":                                        "the database URL is not valid: invalid port",
		"postgres://u:hunter2@[::1/%zz": "the database URL is not valid: want postgres://user:password@host:port/database?sslmode=…, " +
			"special characters in the password percent-encoded",
		"sqlite:" + folder:         "cannot open " + folder + ": is a directory",
		"sqlite:" + text:           "the file is no SQLite database, or is encrypted (SQLite " + text + ", open, SQLITE_NOTADB); check the path",
		"sqlite:" + text + "/k.db": "cannot open " + text + "/k.db: not a directory",
	} {
		t.Run(want, func(t *testing.T) {
			sh := newFailingShell(t, database)
			for _, line := range everyCommand {
				sh.failsWith(exitFailed, want, line)
			}
		})
	}
}

// closedPort returns an address on which no program listens until the test ends. It is the address of the client's end
// of a connection, so that no other program can listen on it.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // only the connection is needed
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

// TestSQLiteErrors checks the errors for existing but unusable files.
func TestSQLiteErrors(t *testing.T) {
	t.Run("damaged", func(t *testing.T) {
		sh := newFailingShell(t, "sqlite:keyseat.db")
		sh.ok("keys", "generate", "--count", "2000")
		f, err := os.OpenFile("keyseat.db", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 40<<12), 4<<12); err != nil {
			t.Fatal(err)
		}
		_ = f.Close() // the file was already written
		_, said, _ := sh.run("", "keys", "export")
		said = auditLines.ReplaceAllString(said, "") // of the codes that were read before the damaged page
		want := "keyseatd: the database file is damaged (SQLite " + sh.dir + "/keyseat.db, "
		if !strings.HasPrefix(said, want) || !strings.HasSuffix(said, ", SQLITE_CORRUPT); stop the daemon and restore a backup\n") {
			t.Errorf("got %s", said)
		}
	})
	t.Run("served", func(t *testing.T) {
		sh := newFailingShell(t, "sqlite:keyseat.db")
		sh.ok("migrate")
		store, err := bunstore.Open(t.Context(), "sqlite:keyseat.db", bunstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		release, err := store.AcquireServeLock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sh.failsWith(exitFailed, "another daemon serves this database (SQLite "+sh.dir+"/keyseat.db, serve)", everyCommand[len(everyCommand)-1])
		if err := release(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestPostgresErrors checks the errors for servers that refuse a connection, and for servers of another
// kind.
func TestPostgresErrors(t *testing.T) {
	c := pgtest.Start(t, pgtest.Options{})
	host := c.Host()
	for _, sql := range []string{
		`CREATE ROLE typist LOGIN PASSWORD 'right'`, `CREATE ROLE crowd LOGIN CONNECTION LIMIT 0`, `CREATE ROLE weak LOGIN`,
		`CREATE DATABASE shut`, `CREATE DATABASE shop`, `CREATE DATABASE timed`,
		fmt.Sprintf(`COPY (SELECT unnest(ARRAY['host all typist all scram-sha-256', 'host all stranger all reject', 'host all all all trust'])) TO '%s'`, hba(t, c)),
		`SELECT pg_reload_conf()`,
	} {
		c.Run(t, sql)
	}
	silent := port(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }) // until the client closes
	web := port(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) // the client reports any error
		_ = conn.Close()
	})
	for database, want := range map[string]string{
		"typist:hunter2@" + host + "/shop?sslmode=disable": "PostgreSQL at " + host + ` refuses the connection: password authentication failed for user "typist" ` +
			"(SQLSTATE 28P01 invalid_password); correct the user or the password in the database's URL",
		"typist:hunter2@" + host + "/shop": "PostgreSQL at " + host + ` refuses the connection: password authentication failed for user "typist" ` +
			"(SQLSTATE 28P01 invalid_password); correct the user or the password in the database's URL",
		"nobody@" + host + "/shop": "PostgreSQL at " + host + ` refuses the connection: role "nobody" does not exist ` +
			"(SQLSTATE 28000 invalid_authorization_specification); correct the user in the database's URL, or the server's pg_hba.conf",
		"stranger@" + host + "/shop?sslmode=disable": "PostgreSQL at " + host + ` refuses the connection: pg_hba.conf rejects connection for host "127.0.0.1", user "stranger", database "shop", no encryption ` +
			"(SQLSTATE 28000 invalid_authorization_specification); correct the user in the database's URL, or the server's pg_hba.conf",
		"keyseat@" + host + "/nowhere": "PostgreSQL at " + host + ` refuses the connection: database "nowhere" does not exist ` +
			"(SQLSTATE 3D000 invalid_catalog_name); create it, or correct the database's URL",
		"crowd@" + host + "/shop": "PostgreSQL at " + host + ` refuses the connection: too many connections for role "crowd" ` +
			"(SQLSTATE 53300 too_many_connections); end other clients, lower --database-conns of the daemons, or raise max_connections or the role's connection limit",
		"keyseat@" + host + "/shop?sslmode=require": "cannot reach PostgreSQL at " + host + ": TLS: server refused TLS connection; " +
			"check sslmode and sslrootcert in the database's URL, and the server's certificate",
		"keyseat@" + web + "/shop?sslmode=disable":                      "cannot reach PostgreSQL at " + web + ": the server does not speak PostgreSQL's protocol",
		"keyseat@" + silent + "/shop?connect_timeout=1&sslmode=disable": "cannot reach PostgreSQL at " + silent + ": no answer in time",
		"keyseat@" + host + "/shop?search_path=nowhere":                 "role keyseat has no schema for its tables: run `CREATE SCHEMA keyseat AUTHORIZATION keyseat`",
	} {
		t.Run(database, func(t *testing.T) {
			sh := newFailingShell(t, "postgres://"+database)
			for _, line := range []string{"migrate", "stock", everyCommand[len(everyCommand)-1]} {
				sh.failsWith(exitFailed, want, line)
			}
		})
	}
	t.Run("statement_timeout", func(t *testing.T) {
		sh := newFailingShell(t, "postgres://keyseat@"+host+"/timed?statement_timeout=300")
		sh.ok("migrate")
		db, err := sql.Open("pgx", "postgres://keyseat@"+host+"/timed")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }() // its lock ends with it
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "LOCK TABLE keyseat_plans"); err != nil {
			t.Fatal(err)
		}
		sh.failsWith(exitFailed, "canceling statement due to statement timeout (PostgreSQL, stock, SQLSTATE 57014 query_canceled); "+
			"if it is the server's statement_timeout, raise it for the role", "stock")
	})
	t.Run("read-only", func(t *testing.T) {
		sh := newFailingShell(t, "postgres://keyseat@"+host+"/shut")
		sh.ok("migrate")
		c.Run(t, `ALTER DATABASE shut SET default_transaction_read_only = on`)
		for line, operation := range map[string]string{"keys generate --count 1": "import", "keys import keys.csv": "import", "plans import plans.csv": "edit plans"} {
			_, said, status := sh.run("", strings.Fields(line)...)
			if status != exitFailed || !strings.HasPrefix(said, "keyseatd: cannot execute ") ||
				!strings.Contains(said, " in a read-only transaction (PostgreSQL, "+operation+", SQLSTATE 25006 read_only_sql_transaction); "+
					"connect to the primary: this server is a standby, or default_transaction_read_only is on") {
				t.Errorf("%s: %d, %s", line, status, said)
			}
		}
	})
	t.Run("no right to create", func(t *testing.T) {
		sh := newFailingShell(t, "postgres://weak@"+host+"/shop")
		for _, line := range everyCommand {
			_, said, status := sh.run("", strings.Fields(line)...)
			if status != exitFailed || said != "keyseatd: role weak may not create tables in schema public, as is usual since PostgreSQL 15: "+
				"run `GRANT CREATE ON SCHEMA public TO weak`, or `CREATE SCHEMA weak AUTHORIZATION weak`\n" {
				t.Errorf("%s: %d, %s", line, status, said)
			}
		}
	})
}

// hba returns the path of the server's file of access rules.
func hba(t *testing.T, c *pgtest.Cluster) (path string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "postgres://keyseat@"+c.Host()+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }() // the connection is no longer needed
	if err := conn.QueryRow(t.Context(), "SHOW hba_file").Scan(&path); err != nil {
		t.Fatal(err)
	}
	return path
}

// port listens on a free port and calls treat for each connection. It returns the address.
func port(t *testing.T, treat func(net.Conn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // ends the loop
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go treat(conn)
		}
	}()
	return l.Addr().String()
}

// TestFileErrors checks the errors for all other files that a command reads or writes.
func TestFileErrors(t *testing.T) {
	sh := newFailingShell(t, "sqlite:keyseat.db")
	sh.ok("admin-token", "add", "tokens", "--name", "shop", "--role", "read")
	sh.file("empty", "")
	sh.file("text", "text\n")
	sh.file("hooks.json", "{")
	const serve = "serve --connector https://127.0.0.1:1 --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 "
	gone := "no such file or directory"
	for line, want := range map[string]string{
		"keys import no.csv":                              "cannot open no.csv: " + gone,
		"keys import .":                                   "cannot read .: is a directory",
		"keys import --dry-run .":                         "cannot read .: is a directory",
		"plans import no.csv":                             "cannot open no.csv: " + gone,
		"plans import .":                                  "cannot read .: is a directory",
		"master-key add no/key":                           "key ring: cannot open no/key.new: " + gone,
		"master-key add .":                                "key ring: cannot read .: is a directory",
		"admin-token add no/tokens --name a --role read":  "admin tokens: cannot open no/tokens: " + gone,
		"admin-token add . --name a --role read":          "admin tokens: cannot open .: is a directory",
		"admin-token add tokens --name shop --role write": "admin tokens tokens: shop is in the file already: choose another name, or delete its line first",
		"admin-token add text --name a --role read":       "admin tokens text: line 1: a line is: name role token, or name role sha256:HASH, and then expires:TIME if it expires",
		"doctor --master-key-file no":                     "key ring: cannot find no: " + gone,
		"webhooks test shop --webhook-file no":            "--webhook-file: cannot find no: " + gone,
		"webhooks test shop --webhook-file hooks.json":    "--webhook-file: hooks.json: the JSON ends too early",
		serve + "--master-key-file no":                    "key ring: cannot find no: " + gone,
		serve + "--master-key-file .":                     "key ring: cannot read .: is a directory",
		serve + "--master-key-file text":                  "key ring text: line 1: it is not a key's id, a space and 32 bytes in base64",
		serve + "--admin-token-file no":                   "admin tokens: cannot open no: " + gone,
		serve + "--admin-token-file empty":                "--admin-token-file: empty has no token: make one with `keyseatd admin-token add empty`",
		serve + "--connector-token-file no":               "--connector-token-file: cannot open no: " + gone,
		serve + "--connector-token-file empty":            "--connector-token-file: empty must hold one line",
		serve + "--webhook-file no":                       "--webhook-file: cannot find no: " + gone,
		serve + "--tls-cert no --tls-key no":              "--tls-key: cannot open no: " + gone,
		serve + "--tls-cert text --tls-key text":          "--tls-cert, --tls-key: text, text: tls: failed to find any PEM data in certificate input",
		"serve --connector https://127.0.0.1:1 --listen 127.0.0.1:0 --admin-listen 192.0.2.1:1": "--admin-listen: cannot listen on 192.0.2.1:1: cannot assign requested address",
	} {
		sh.failsWith(exitFailed, want, line)
	}
	for line, want := range map[string]string{
		"config --config no":              "--config: no: " + gone + " (see keyseatd --help)",
		serve + "--config .":              "--config: .: is a directory (see keyseatd --help)",
		serve + "--config text":           "--config: text: line 1: the file must be one JSON object: {\"name\": value, …} (see keyseatd --help)",
		"serve":                           "--connector is missing: give the https:// URL of the service that carries tasks out, or sim for a trial",
		"serve --connector shop":          "--connector must be an https:// URL with a host, or sim",
		"serve --connector http://shop":   "--connector must be https://, because http:// does not protect passwords: --connector-plaintext allows http://",
		"serve --connector https://u:p@h": "--connector must have no user, query or fragment: a token goes into --connector-token-file",
		"webhooks test shop":              "--webhook-file is missing: name the JSON file of the endpoints",
		"stock --database sqlite:":        "--database must be sqlite:PATH or a postgres:// URL",
	} {
		sh.failsWith(exitUsage, want, line)
	}
	if made, err := filepath.Glob("*.db*"); err != nil || len(made) > 0 {
		t.Errorf("%q were made, %v", made, err)
	}
}

// TestAPortThatIsTaken checks that serve tests its ports before it creates a file.
func TestAPortThatIsTaken(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // the listener was never used
	sh, taken := shell{T: t}, l.Addr().String()
	const serve = "serve --connector https://127.0.0.1:1 "
	sh.failsWith(exitFailed, "--listen: cannot listen on "+taken+": address already in use: another keyseatd may be running, and --listen chooses another address", serve+"--listen "+taken)
	sh.failsWith(exitFailed, "--admin-listen: cannot listen on "+taken+": address already in use: another keyseatd may be running, and --admin-listen chooses another address", serve+"--listen 127.0.0.1:0 --admin-listen "+taken)
	if made, err := filepath.Glob("*"); err != nil || len(made) > 0 {
		t.Errorf("%q were made, %v", made, err)
	}
}

func TestHelpThatIsAskedFor(t *testing.T) {
	sh := shell{T: t}
	for line, want := range map[string]string{
		"help": "Usage: keyseatd <command>", "help keys": "Usage: keyseatd keys <command>", "keys help": "Usage: keyseatd keys <command>",
		"help keys show": "Usage: keyseatd keys show <code>", "keys help show": "Usage: keyseatd keys show <code>",
	} {
		if out := sh.ok(strings.Fields(line)...); !strings.HasPrefix(out, want) {
			t.Errorf("%s: %s", line, out)
		}
	}
	for line, want := range map[string]string{"": "Usage: keyseatd <command>", "keys": "Usage: keyseatd keys <command>", "webhooks": "Usage: keyseatd webhooks <command>"} {
		out, said, status := sh.run("", strings.Fields(line)...)
		if out != "" || status != exitUsage || !strings.HasPrefix(said, want) || !strings.HasSuffix(said, "\nkeyseatd: a command is missing\n") {
			t.Errorf("%q: status %d, %s%s", line, status, out, said)
		}
	}
	sh.fails(exitUsage, "unexpected argument sell", "", "help", "sell")
}
