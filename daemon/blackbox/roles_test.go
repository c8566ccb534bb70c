package blackbox_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// useRole makes the shop's commands use another role of its database, and gives the URL.
func (s *Shop) useRole(role string) string {
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
func (s *Shop) execAs(role, text string) {
	s.Helper()
	conn, err := pgx.Connect(s.Context(), s.useRole(role))
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close(s.Context()) }() // it has done its work
	if _, err := conn.Exec(s.Context(), text); err != nil {
		s.Fatalf("as %s: %v", role, err)
	}
}

// expectFailure holds that a command fails, with those words in one line.
func (s *Shop) expectFailure(words string, args ...string) {
	s.Helper()
	r := s.Exec(args...)
	if r.Code != 1 || !strings.Contains(r.Err, words) || strings.Count(r.Err, "\n") != 1 {
		s.Errorf("keyseatd %s: status %d, %s\nwant %s", strings.Join(args, " "), r.Code, r.Err, words)
	}
}

// readCommands are the commands that change nothing, with a key of code "first".
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

// runReadCommands runs all reports.
func (s *Shop) runReadCommands() (all []string) {
	s.Helper()
	for _, line := range readCommands {
		all = append(all, s.MustExec(line...))
	}
	return append(all, s.MustExecInput("code\nnew\n", "keys", "import", "--dry-run", "-"))
}

// expectSameReports holds that all reports are as they were.
func (s *Shop) expectSameReports(want []string) {
	s.Helper()
	for i, got := range s.runReadCommands() {
		if got != want[i] {
			s.Errorf("%v: got\n%s\nwant\n%s", readCommands[min(i, len(readCommands)-1)], got, want[i])
		}
	}
}

// TestDatabaseRoles follows the operations page: one role migrates, one serves without the right to change a table, and
// one reports without the right to change a row. Then a standby gives the same reports.
func TestDatabaseRoles(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	s := NewPostgresShop(t, primary.URL(t))
	_, section, _ := strings.Cut(opsFile(t, "README.md"), "\n## Roles of PostgreSQL\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the section on roles has %d blocks of SQL", len(blocks))
	}
	ofOwner, grants := blocks[0][1], blocks[1][1]
	roles, create, _ := strings.Cut(ofOwner, "GRANT CREATE")
	s.execAs("keyseat", roles)

	s.useRole("keyseat_owner")
	s.expectFailure("role keyseat_owner may not create tables in schema public, as is usual since PostgreSQL 15: "+
		"run `GRANT CREATE ON SCHEMA public TO keyseat_owner`", "migrate")
	s.execAs("keyseat", "GRANT CREATE"+create)
	s.useRole("keyseat_owner")
	s.MustExec("migrate")
	s.execAs("keyseat_owner", grants)

	s.useRole("keyseat_app")
	s.useEveryTable()
	want := s.runReadCommands()
	s.useRole("keyseat_report")
	s.expectSameReports(want)
	s.expectFailure("permission denied for table keyseat_", "keys", "generate", "--count", "1")

	s.Database = strings.Replace(s.Database, primary.Host(), s.standby(primary).Host(), 1)
	for _, role := range []string{"keyseat_report", "keyseat_owner"} {
		s.useRole(role)
		s.expectSameReports(want)
	}
	s.expectFailure("read-only", "keys", "generate", "--count", "1")
}

// standby makes one that has everything.
func (s *Shop) standby(primary *pgtest.Cluster) *pgtest.Cluster {
	s.Helper()
	standby := primary.Standby(s)
	primary.CaughtUp(s, standby)
	return standby
}

// useEveryTable does with a daemon what writes to each table.
func (s *Shop) useEveryTable() {
	s.Helper()
	s.AddKeys("first", "second")
	s.ImportPlans("p,US,9,1 High Street,")
	h := s.newReceiver(``)
	d := h.serveWithEndpoint("--unknown-key-limit", "100")
	code, about := h.generateKey()
	d.Get("info=nobody")
	for _, one := range []string{code, "first"} {
		d.MustAccept(Upgrade(one, "success@example.com", "US"))
		d.ExpectEnd(one, "success", "")
	}
	s.MustExec("keys", "revoke", "second")
	s.Eventually("the endpoint knows of the key", func() bool { return len(h.deliveredTypes()[about]) == 2 })
	d.Stop()
	s.MustExec("archive", "--before", "2026-01-01", "--to", s.Folder+"/archive")
	s.MustExec("doctor", "--repair")
}

// TestOldSchemaIsReported holds what a role that may not change tables, and a standby, say of a schema that is not
// up to date.
func TestOldSchemaIsReported(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	s := NewPostgresShop(t, primary.URL(t))
	s.MustExec("migrate")
	s.execAs("keyseat", `
		CREATE ROLE app LOGIN;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
		DROP TABLE keyseat_strangers, keyseat_daemons;
		DELETE FROM keyseat_migrations WHERE name = '20261125000000'`)
	s.useRole("app")
	s.expectFailure("role app may not change the tables, and the schema lacks 20261125000000: run `keyseatd migrate` as their owner", "stock")
	s.execAs("keyseat", `GRANT CREATE ON SCHEMA public TO app`)
	s.useRole("app")
	s.expectFailure("role app may not change the tables", "stock")
	s.Database = strings.Replace(s.Database, primary.Host(), s.standby(primary).Host(), 1)
	s.expectFailure("the server is read-only, and the schema lacks 20261125000000: run `keyseatd migrate` on the server that takes writes", "stock")
}
