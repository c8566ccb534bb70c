package blackbox_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// as makes the shop's commands use another role of its database, and gives the URL.
func (s *shop) as(role string) string {
	s.Helper()
	u, err := url.Parse(s.database)
	if err != nil {
		s.Fatal(err)
	}
	u.User = url.User(role)
	s.database = u.String()
	return s.database
}

// sql runs statements as a role.
func (s *shop) sql(role, text string) {
	s.Helper()
	conn, err := pgx.Connect(s.Context(), s.as(role))
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close(s.Context()) }() // it has done its work
	if _, err := conn.Exec(s.Context(), text); err != nil {
		s.Fatalf("as %s: %v", role, err)
	}
}

// refuses holds that a command fails, with those words in one line.
func (s *shop) refuses(words string, args ...string) {
	s.Helper()
	r := s.cli(args...)
	if r.code != 1 || !strings.Contains(r.err, words) || strings.Count(r.err, "\n") != 1 {
		s.Errorf("keyseatd %s: status %d, %s\nwant %s", strings.Join(args, " "), r.code, r.err, words)
	}
}

// reports are the commands that change nothing, with a key of code "first".
var reports = [][]string{
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

// reported runs all reports.
func (s *shop) reported() (all []string) {
	s.Helper()
	for _, line := range reports {
		all = append(all, s.must(line...))
	}
	return append(all, s.mustFeed("code\nnew\n", "keys", "import", "--dry-run", "-"))
}

// same holds that all reports are as they were.
func (s *shop) same(want []string) {
	s.Helper()
	for i, got := range s.reported() {
		if got != want[i] {
			s.Errorf("%v: got\n%s\nwant\n%s", reports[min(i, len(reports)-1)], got, want[i])
		}
	}
}

// TestRoles follows the operations page: one role migrates, one serves without the right to change a table, and
// one reports without the right to change a row. Then a standby gives the same reports.
func TestRoles(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	s := onPostgres(t, primary.URL(t))
	_, section, _ := strings.Cut(opsFile(t, "README.md"), "\n## Roles of PostgreSQL\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the section on roles has %d blocks of SQL", len(blocks))
	}
	ofOwner, grants := blocks[0][1], blocks[1][1]
	roles, create, _ := strings.Cut(ofOwner, "GRANT CREATE")
	s.sql("keyseat", roles)

	s.as("keyseat_owner")
	s.refuses("role keyseat_owner may not create tables in schema public, as is usual since PostgreSQL 15: "+
		"run `GRANT CREATE ON SCHEMA public TO keyseat_owner`", "migrate")
	s.sql("keyseat", "GRANT CREATE"+create)
	s.as("keyseat_owner")
	s.must("migrate")
	s.sql("keyseat_owner", grants)

	s.as("keyseat_app")
	s.sells()
	want := s.reported()
	s.as("keyseat_report")
	s.same(want)
	s.refuses("permission denied for table keyseat_", "keys", "generate", "--count", "1")

	s.database = strings.Replace(s.database, primary.Host(), s.standby(primary).Host(), 1)
	for _, role := range []string{"keyseat_report", "keyseat_owner"} {
		s.as(role)
		s.same(want)
	}
	s.refuses("read-only", "keys", "generate", "--count", "1")
}

// standby makes one that has everything.
func (s *shop) standby(primary *pgtest.Cluster) *pgtest.Cluster {
	s.Helper()
	standby := primary.Standby(s)
	primary.CaughtUp(s, standby)
	return standby
}

// sells does with a daemon what writes to each table.
func (s *shop) sells() {
	s.Helper()
	s.fresh("first", "second")
	s.importPlans("p,US,9,1 High Street,")
	h := s.hook(``)
	d := h.serves("--unknown-key-limit", "100")
	code, about := h.issueOne()
	d.get("info=nobody")
	for _, one := range []string{code, "first"} {
		d.accepted(upgrade(one, "success@example.com", "US"))
		d.endsAs(one, "success", "")
	}
	s.must("keys", "revoke", "second")
	s.until("the endpoint knows of the key", func() bool { return len(h.took()[about]) == 2 })
	d.stop()
	s.must("archive", "--before", "2026-01-01", "--to", s.folder+"/archive")
	s.must("doctor", "--repair")
}

// TestAnOlderSchema holds what a role that may not change tables, and a standby, say of a schema that is not
// up to date.
func TestAnOlderSchema(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	s := onPostgres(t, primary.URL(t))
	s.must("migrate")
	s.sql("keyseat", `
		CREATE ROLE app LOGIN;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
		DROP TABLE keyseat_strangers, keyseat_daemons;
		DELETE FROM keyseat_migrations WHERE name = '20261125000000'`)
	s.as("app")
	s.refuses("role app may not change the tables, and the schema lacks 20261125000000: run `keyseatd migrate` as their owner", "stock")
	s.sql("keyseat", `GRANT CREATE ON SCHEMA public TO app`)
	s.as("app")
	s.refuses("role app may not change the tables", "stock")
	s.database = strings.Replace(s.database, primary.Host(), s.standby(primary).Host(), 1)
	s.refuses("the server is read-only, and the schema lacks 20261125000000: run `keyseatd migrate` on the server that takes writes", "stock")
}
