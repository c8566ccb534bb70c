package harness

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	_ "modernc.org/sqlite"             // the driver of SQLite

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A Database is the database of a shop, with connections of its own.
type Database struct {
	*Shop
	DB *sql.DB
}

// OpenDatabase connects to the database. It removes the CHECK constraints, so that a test can store faulty records.
func (s *Shop) OpenDatabase() *Database {
	s.Helper()
	driver, url := "pgx", s.Database
	if s.IsSQLite() {
		driver, url = "sqlite", "file:"+strings.TrimPrefix(s.Database, "sqlite:")+"?_pragma=busy_timeout(10000)&_pragma=ignore_check_constraints(1)"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = db.Close() })
	d := &Database{s, db}
	if !s.IsSQLite() {
		const drop = `DO $$ DECLARE c record; BEGIN
			FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text LIKE 'keyseat_%' LOOP
				EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname);
			END LOOP; END $$`
		if _, err := db.ExecContext(s.Context(), drop); err != nil {
			s.Fatal(err)
		}
	}
	return d
}

// Edit runs statements that are written for PostgreSQL. For SQLite it translates them. Each statement must change a
// row, unless it is a DELETE or DROP.
func (d *Database) Edit(statements string) {
	d.Helper()
	if d.IsSQLite() {
		statements = strings.NewReplacer(
			"now()", "CAST(unixepoch() AS INTEGER) * 1000000", " - interval '1 hour'", " - 3600000000", " - interval '720 hours'", " - 2592000000000",
			`'\x00'::bytea`, "X'00'", "NOT used", "1 - used",
		).Replace(statements)
	}
	ctx, cancel := context.WithTimeout(d.Context(), MaxWait)
	defer cancel()
	if pgtest.IsCitus(d.Database) {
		statements = d.rewriteForCitus(ctx, statements)
	}
	for statement := range strings.SplitSeq(statements, ";\n") {
		r, err := d.DB.ExecContext(ctx, statement)
		if err != nil {
			d.Fatalf("%s: %v", statement, err)
		}
		if n, err := r.RowsAffected(); n == 0 && err == nil && !strings.HasPrefix(strings.TrimSpace(statement), "D") {
			d.Errorf("no row was changed by %s", statement)
		}
	}
}

var (
	earlierTime = regexp.MustCompile(`(\w+) - (interval '[^']*')`)
	subselect   = regexp.MustCompile(`\(SELECT [^()]*\)`)
)

// rewriteForCitus rewrites statements that Citus refuses for a distributed table. It makes a subtraction from a time
// run in UTC, because the result must not depend on the time zone of the session. It replaces a subselect by its value.
func (d *Database) rewriteForCitus(ctx context.Context, statements string) string {
	d.Helper()
	statements = earlierTime.ReplaceAllString(statements, "($1 AT TIME ZONE 'UTC' - $2) AT TIME ZONE 'UTC'")
	return subselect.ReplaceAllStringFunc(statements, func(query string) (literal string) {
		if err := d.DB.QueryRowContext(ctx, "SELECT quote_literal("+query+")").Scan(&literal); err != nil {
			d.Fatalf("%s: %v", query, err)
		}
		return literal
	})
}

// OpenReadOnly connects to the database of a URL. The caller closes the connection.
func OpenReadOnly(url string) (*sql.DB, error) {
	if path, embedded := strings.CutPrefix(url, "sqlite:"); embedded {
		return sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)&_pragma=busy_timeout(5000)")
	}
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return sql.Open("pgx", url+separator+"application_name=checker&default_transaction_read_only=on")
}

// Count runs a query, and returns the number that the query yields. While the database is unreachable, Count waits.
func (s *Shop) Count(query string) (n int) {
	s.Helper()
	db, err := OpenReadOnly(s.Database)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the database was only read
	s.Eventually("the database answers", func() bool {
		err = db.QueryRowContext(s.Context(), query).Scan(&n)
		return err == nil
	})
	return n
}

// Queries for [Shop.Count].
const (
	OpenTasks  = `SELECT count(*) FROM keyseat_tasks WHERE ended_at IS NULL`
	LeasesLeft = `SELECT count(*) FROM keyseat_tasks WHERE leased_until IS NOT NULL OR worker IS NOT NULL`
	Backends   = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'keyseat'`
)

// ImportKeys imports the rows of a CSV file. The first row is the header.
func (s *Shop) ImportKeys(rows ...string) {
	s.Helper()
	s.MustExecInput(strings.Join(rows, "\n")+"\n", "keys", "import", "-")
}

// AddKeys imports unused keys.
func (s *Shop) AddKeys(codes ...string) {
	s.Helper()
	s.ImportKeys(append([]string{"code"}, codes...)...)
}

// ImportPlans imports the rows of a CSV file with the columns id, country, slots, address and invite.
func (s *Shop) ImportPlans(rows ...string) {
	s.Helper()
	s.MustExecInput("id,country,slots,address,invite\n"+strings.Join(rows, "\n")+"\n", "plans", "import", "-")
}

// A Plan is an entry in the output of keyseatd plans list.
type Plan struct {
	ID                                string
	Country, State                    string
	Slots, Free, Held, Spent, Suspect int
	Idle                              int // slots that are not in use, but cannot be sold, because the plan is out of stock
}

// Plans returns the plans by id, and checks each with [Plan.Check].
func (s *Shop) Plans() map[string]Plan {
	s.Helper()
	var list []Plan
	s.ExecJSON(&list, "plans", "list")
	all := map[string]Plan{}
	for _, p := range list {
		if err := p.Check(); err != nil {
			s.Error(err)
		}
		all[p.ID] = p
	}
	return all
}

// Check returns an error unless the numbers of slots in all states add up to the plan's slots.
func (p Plan) Check() error {
	if p.Free+p.Held+p.Spent+p.Suspect+p.Idle != p.Slots || min(p.Free, p.Held, p.Spent, p.Suspect, p.Idle) < 0 {
		return fmt.Errorf("the counts of a plan do not add up: %+v", p)
	}
	return nil
}

// A Task is an entry in the output of keyseatd tasks list.
type Task struct {
	ID, Code, Kind, State, Outcome, Plan, Slot string
	Attempts                                   int     `json:"asked"`
	Leased                                     *string `json:"leased_until"`
	Due                                        *time.Time
	Ended                                      *string
}

// Tasks lists the tasks. The arguments are further flags of keyseatd tasks list.
func (s *Shop) Tasks(args ...string) []Task {
	s.Helper()
	var all []Task
	s.ExecJSON(&all, append([]string{"tasks", "list"}, args...)...)
	return all
}
