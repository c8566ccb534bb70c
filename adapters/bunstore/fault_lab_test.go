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

// A lab is one database with two stores. The statements of the store frail can be made to fail. The store plain
// prepares and checks a test.
type lab struct {
	*testing.T
	*faults
	url   string
	wire  bool // faults are cuts of the network
	frail *bunstore.Store
	plain *bunstore.Store
	pool  *sql.DB // of frail
	db    *sql.DB // of plain
	life  context.Context
}

// inLabs runs a test in a new lab for each name.
func inLabs(t *testing.T, test func(l *lab), names ...string) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			system, _, _ := strings.Cut(name, " ")
			test(newLab(t, migrated[system](t), strings.HasSuffix(name, onTheWire)))
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

// emptyLab returns a lab without tables.
func emptyLab(t *testing.T, url string, wire bool) *lab {
	l := &lab{T: t, faults: &faults{}, url: url, wire: wire}
	life, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a forgotten lock must not block the test forever
	t.Cleanup(cancel)
	l.life = life
	inner, speaks := connector(t, url)
	l.db = sql.OpenDB(inner)
	l.pool = sql.OpenDB(frailDriver{inner, l.faults, make(chan driver.Conn, 4)})
	if wire {
		_, dsn := dataSource(url)
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
	name, dsn := dataSource(url)
	var inner driver.Connector
	var speaks schema.Dialect = pgdialect.New()
	var err error
	if name == "sqlite" {
		inner, err = sqlite.NewConnector(dsn + "&_pragma=synchronous(0)&_foreign_keys=on") // this test has no power failure
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

// tables lists all tables. A table comes before the tables to which it refers.
var tables = []string{
	"keyseat_mail", "keyseat_deliveries", "keyseat_listeners", "keyseat_history", "keyseat_tasks",
	"keyseat_plans", "keyseat_countries", "keyseat_keys", "keyseat_batches", "keyseat_sealing", "keyseat_activity",
}

// clear empties the database.
func (l *lab) clear() {
	l.Helper()
	l.exec("DELETE FROM " + strings.Join(tables, "; DELETE FROM "))
}

// exec runs a statement, which must not fail.
func (l *lab) exec(sql string) {
	l.Helper()
	if _, err := l.db.ExecContext(l.life, sql); err != nil {
		l.Fatal(err)
	}
}

// moments lists columns whose values differ between two runs of the same statement. A dump shows only whether
// they have a value. The columns of keyseat_mail are with their table, because those columns of a task do not
// differ.
var moments = []string{"leased_until", "until", "keyseat_mail.since", "keyseat_mail.due", "keyseat_activity.at"}

// dump returns the content of all tables.
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
	defer func() { _ = rows.Close() }() // its error is also the error of rows.Err
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

// minting matches values that are new in each run of an operation.
var minting = regexp.MustCompile(`\bid\d+|\b(seq|told|newest)=\d+|sealed=\[[^]]*\]|\d{10,}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* \S+ \S+`)

// shape returns a dump without those values. It must be the same after every run of an operation.
func shape(dump string) string {
	lines := strings.Split(minting.ReplaceAllString(dump, "…"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// sound checks that the counters of each plan match its tasks and its history, and that no connection is in use.
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
