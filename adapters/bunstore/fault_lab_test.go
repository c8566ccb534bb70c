package bunstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	"modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// A lab is one database with two stores on it: one whose statements can be made to fail, and one whose
// statements do not, for all that is not the matter.
type lab struct {
	*testing.T
	*faults
	url   string
	wire  bool // faults are cuts of the network
	frail *bunstore.Store
	plain *bunstore.Store
	pool  *sql.DB // of the frail one
	db    *sql.DB // of the other
	life  context.Context
}

// inLabs runs a test in each of those labs.
func inLabs(t *testing.T, test func(l *lab), names ...string) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			system, _, _ := strings.Cut(name, " ")
			test(newLab(t, databases[system](t), strings.HasSuffix(name, onTheWire)))
		})
	}
}

const onTheWire = " on the wire"

func newLab(t *testing.T, url string, wire bool) *lab {
	l := emptyLab(t, url, wire)
	if err := l.plain.Migrate(l.life); err != nil {
		t.Fatal(err)
	}
	return l
}

// emptyLab has no tables.
func emptyLab(t *testing.T, url string, wire bool) *lab {
	l := &lab{T: t, faults: &faults{}, url: url, wire: wire}
	life, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a lock that was left must not hang the test
	t.Cleanup(cancel)
	l.life = life
	inner, speaks := connector(t, url)
	l.db = sql.OpenDB(inner)
	l.pool = sql.OpenDB(frailDriver{inner, l.faults})
	if wire {
		_, dsn := source(url)
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		config.DialFunc = l.dialFrail
		l.pool = stdlib.OpenDB(*config)
	}
	l.plain, l.frail = l.store(l.db, speaks), l.store(l.pool, speaks)
	return l
}

func connector(t *testing.T, url string) (driver.Connector, schema.Dialect) {
	t.Helper()
	name, dsn := source(url)
	var inner driver.Connector
	var speaks schema.Dialect = pgdialect.New()
	var err error
	if name == "sqlite" {
		inner, err = sqlite.NewConnector(dsn + "&_pragma=synchronous(0)&_foreign_keys=on") // nobody pulls the plug here
		speaks = sqlitedialect.New()
	} else {
		inner, err = stdlib.GetDefaultDriver().(driver.DriverContext).OpenConnector(dsn)
	}
	if err != nil {
		t.Fatal(err)
	}
	return inner, speaks
}

func (l *lab) store(db *sql.DB, speaks schema.Dialect) *bunstore.Store {
	l.Helper()
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	l.Cleanup(func() {
		if err := db.Close(); err != nil {
			l.Error(err)
		}
	})
	return on(l, bun.NewDB(db, speaks), l.url)
}

func (l *lab) distributed() bool {
	_, distributed := form(l.url)
	return distributed
}

// tables are all of them, those first that others refer to last.
var tables = []string{
	"keyseat_mail", "keyseat_deliveries", "keyseat_listeners", "keyseat_history", "keyseat_tasks",
	"keyseat_plans", "keyseat_countries", "keyseat_keys", "keyseat_batches",
}

// clear empties the database.
func (l *lab) clear() {
	l.Helper()
	if _, err := l.db.ExecContext(l.life, "DELETE FROM "+strings.Join(tables, "; DELETE FROM ")); err != nil {
		l.Fatal(err)
	}
}

// moments are columns that differ between two runs of the same statement: of them only whether there is
// a value counts. Those of the mail have a table in front, because a task's are decided.
var moments = []string{"leased_until", "until", "keyseat_mail.since", "keyseat_mail.due"}

// dump gives all that is stored.
func (l *lab) dump() string {
	l.Helper()
	var all []string
	for _, table := range tables {
		rows, err := l.db.QueryContext(l.life, "SELECT * FROM "+table)
		if err != nil {
			l.Fatal(err)
		}
		all = append(all, l.lines(table, rows)...)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func (l *lab) lines(table string, rows *sql.Rows) (all []string) {
	l.Helper()
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	columns, err := rows.Columns()
	for err == nil && rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		err = rows.Scan(into...)
		line := table
		for i, name := range columns {
			if v := values[i]; v != nil && (slices.Contains(moments, name) || slices.Contains(moments, table+"."+name)) {
				values[i] = "set"
			}
			line += fmt.Sprintf(" %s=%v", name, values[i])
		}
		all = append(all, line)
	}
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		l.Fatal(err)
	}
	return all
}

// minting finds the values that each run of an operation has anew.
var minting = regexp.MustCompile(`\bid\d+|\b(seq|told|newest)=\d+|sealed=\[[^]]*\]|\d{10,}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* \S+ \S+`)

// shape is a dump as every run of the same operation must leave it.
func shape(dump string) string {
	lines := strings.Split(minting.ReplaceAllString(dump, "…"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// sound holds that the counters of each plan are those of its tasks and of its history, and that no
// connection is left in use.
func (l *lab) sound() {
	l.Helper()
	if n := l.pool.Stats().InUse; n != 0 {
		l.Fatalf("%d connections were not given back", n)
	}
	tallies, err := l.plain.PlanAudits(l.life)
	if err != nil {
		l.Fatal(err)
	}
	for _, t := range tallies {
		if t.Plan.Counts() != t.Moves || t.Plan.Counts() != t.Tasks {
			l.Errorf("the counters of %s are %v, of its tasks %v, of its history %v", t.Plan.ID, t.Plan.Counts(), t.Tasks, t.Moves)
		}
	}
}
