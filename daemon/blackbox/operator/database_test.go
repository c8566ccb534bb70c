package operator_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// useRole makes commands of the shop use another role of the database, and returns the URL.
func useRole(s *harness.Shop, role string) string {
	s.Helper()
	u, err := url.Parse(s.Database)
	if err != nil {
		s.Fatal(err)
	}
	u.User = url.User(role)
	s.Database = u.String()
	return s.Database
}

// execAs runs statements as a role.
func execAs(s *harness.Shop, role, text string) {
	s.Helper()
	conn, err := pgx.Connect(s.Context(), useRole(s, role))
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close(s.Context()) }() // the statements were run
	if _, err := conn.Exec(s.Context(), text); err != nil {
		s.Fatalf("as %s: %v", role, err)
	}
}

// expectFailure checks that a command fails, and prints one line that contains the given words.
func expectFailure(s *harness.Shop, words string, args ...string) {
	s.Helper()
	r := s.Exec(args...)
	if r.Code != 1 || !strings.Contains(r.Err, words) || strings.Count(r.Err, "\n") != 1 {
		s.Errorf("keyseatd %s: status %d, %s\nwant %s", strings.Join(args, " "), r.Code, r.Err, words)
	}
}

// readCommands are the commands that change nothing. The shop needs a key "first".
var readCommands = [][]string{
	{"keys", "show", "first"},
	{"keys", "show", "first", "--output", "json"},
	{"keys", "export"},
	{"keys", "export", "--spreadsheet"},
	{"plans", "list"},
	{"tasks", "list"},
	{"tasks", "list", "--state", "ended"},
	{"stock"},
	{"webhooks", "list"},
	{"webhooks", "deliveries"},
	{"doctor"},
	{"migrate"},
}

// runReadCommands returns the outputs of all readCommands, and of a dry run.
func runReadCommands(s *harness.Shop) (all []string) {
	s.Helper()
	for _, line := range readCommands {
		all = append(all, s.MustExec(line...))
	}
	return append(all, s.MustExecInput("code\nnew\n", "keys", "import", "--dry-run", "-"))
}

// expectSameReports checks that runReadCommands returns the same outputs as before.
func expectSameReports(s *harness.Shop, want []string) {
	s.Helper()
	for i, got := range runReadCommands(s) {
		if got != want[i] {
			s.Errorf("%v: got\n%s\nwant\n%s", readCommands[min(i, len(readCommands)-1)], got, want[i])
		}
	}
}

// TestDatabaseRoles follows the page on operations. One role migrates, one role serves without the right to change a
// table, and one role reads without the right to change a row. On a standby, the commands have the same output.
func TestDatabaseRoles(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	s := harness.NewPostgresShop(t, primary.URL(t))
	_, section, _ := strings.Cut(opsFile(t, "../docs/operations.md"), "\n## Roles of PostgreSQL\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the section on roles has %d blocks of SQL", len(blocks))
	}
	ofOwner, grants := blocks[0][1], blocks[1][1]
	roles, create, _ := strings.Cut(ofOwner, "GRANT CREATE")
	execAs(s, "keyseat", roles)

	useRole(s, "keyseat_owner")
	expectFailure(s, "role keyseat_owner may not create tables in schema public, as is usual since PostgreSQL 15: "+
		"run `GRANT CREATE ON SCHEMA public TO keyseat_owner`", "migrate")
	execAs(s, "keyseat", "GRANT CREATE"+create)
	useRole(s, "keyseat_owner")
	s.MustExec("migrate")
	execAs(s, "keyseat_owner", grants)

	useRole(s, "keyseat_app")
	useEveryTable(s)
	want := runReadCommands(s)
	useRole(s, "keyseat_report")
	expectSameReports(s, want)
	expectFailure(s, "permission denied for table keyseat_", "keys", "generate", "--count", "1")

	s.Database = strings.Replace(s.Database, primary.Host(), standby(s, primary).Host(), 1)
	for _, role := range []string{"keyseat_report", "keyseat_owner"} {
		useRole(s, role)
		expectSameReports(s, want)
	}
	expectFailure(s, "read-only", "keys", "generate", "--count", "1")
}

// standby makes a standby of a primary, and waits until it has all data of the primary.
func standby(s *harness.Shop, primary *pgtest.Cluster) *pgtest.Cluster {
	s.Helper()
	standby := primary.Standby(s)
	primary.CaughtUp(s, standby)
	return standby
}

// useEveryTable makes a daemon and commands write to each table.
func useEveryTable(s *harness.Shop) {
	s.Helper()
	s.AddKeys("first", "second")
	s.ImportPlans("p,US,9,1 High Street,")
	h := newReceiver(s, ``)
	d := h.serveWithEndpoint("--unknown-key-limit", "100")
	code, about := h.generateKey()
	d.Get("info=nobody")
	for _, one := range []string{code, "first"} {
		d.MustAccept(harness.Upgrade(one, "success@example.com", "US"))
		d.ExpectEnd(one, "success", "")
	}
	s.MustExec("keys", "revoke", "second")
	s.Eventually("the endpoint knows of the key", func() bool { return len(h.deliveredTypes()[about]) == 2 })
	d.Stop()
	s.MustExec("archive", "--before", "2026-01-01", "--to", s.Folder+"/archive")
	s.MustExec("doctor", "--repair")
}

// TestOldSchemaIsReported checks the errors for an old schema, with a role that may not change tables, and on a
// standby.
func TestOldSchemaIsReported(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	s := harness.NewPostgresShop(t, primary.URL(t))
	s.MustExec("migrate")
	execAs(s, "keyseat", `
		CREATE ROLE app LOGIN;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
		DROP TABLE keyseat_sealing;
		DELETE FROM keyseat_migrations WHERE name = '20261129000000'`)
	useRole(s, "app")
	expectFailure(s, "role app may not change the tables, and the schema lacks 20261129000000: run `keyseatd migrate` as their owner", "stock")
	execAs(s, "keyseat", `GRANT CREATE ON SCHEMA public TO app`)
	useRole(s, "app")
	expectFailure(s, "role app may not change the tables", "stock")
	s.Database = strings.Replace(s.Database, primary.Host(), standby(s, primary).Host(), 1)
	expectFailure(s, "the server is read-only, and the schema lacks 20261129000000: run `keyseatd migrate` on the server that takes writes", "stock")
}

// TestNotDurableSettingsAreReported checks that the daemon and the doctor warn of a server that can lose confirmed
// commits, and work nevertheless. They do not warn of a durable server.
func TestNotDurableSettingsAreReported(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		s := harness.NewPostgresShop(t, pgtest.Start(t, pgtest.Options{Durable: durable}).URL(t))
		d := s.Serve()
		r := s.Exec("doctor")
		for _, setting := range []string{"fsync", "full_page_writes"} {
			if logged := strings.Contains(d.Logs.String(), `"`+harness.NotDurable+`","setting":"`+setting+`","value":"off"`); logged == durable {
				t.Errorf("durable %t: the daemon's log has %s: %t", durable, setting, logged)
			}
			if found := strings.Contains(r.Err, harness.NotDurable+": "+setting+` is "off"`); found == durable || r.Code != 0 {
				t.Errorf("durable %t: the doctor, with status %d, reports %s: %t", durable, r.Code, setting, found)
			}
		}
		if durable && (strings.Contains(d.Logs.String(), harness.NotDurable) || r.Err != "") {
			t.Errorf("a warning about a durable server: %s", r.Err)
		}
		d.Stop()
	}
}
