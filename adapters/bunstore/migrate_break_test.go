package bunstore_test

import (
	"database/sql"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// steps returns the files of the migrations for a database.
func steps(t testing.TB, url string) []string {
	t.Helper()
	folder := "postgres"
	if strings.HasPrefix(url, "sqlite:") {
		folder = "sqlite"
	}
	files, err := filepath.Glob(filepath.Join("migrations", folder, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}

// nameOf returns the name under which a migration is recorded.
func nameOf(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), "_")
	return name
}

// earlier creates a database with the tables of the given migrations and one key. It records a migration only
// if noted returns true for it.
func earlier(t testing.TB, db *sql.DB, files []string, noted func(i int) bool) {
	t.Helper()
	identity, created := "integer PRIMARY KEY AUTOINCREMENT", "1793491200000000"
	if strings.Contains(files[0], "postgres") {
		identity, created = "bigserial PRIMARY KEY", "'2026-11-01'"
	}
	do := []string{`CREATE TABLE keyseat_migrations (id ` + identity + `, name varchar, group_id bigint, migrated_at timestamp NOT NULL DEFAULT current_timestamp)`}
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		do = append(do, string(text))
		if noted(i) {
			do = append(do, `INSERT INTO keyseat_migrations (name, group_id, migrated_at) VALUES ('`+nameOf(file)+`', 1, '2026-11-01')`)
		}
	}
	do = append(do, `INSERT INTO keyseat_keys (code, version, status, used, revoked, message, username, verify_address, invite, address, order_id, task_id, batch_id, created_at)
		VALUES ('old', 1, 'active', false, false, '', '', '', '', '', '', '', '', `+created+`)`)
	for _, sql := range do {
		if _, err := db.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func always(int) bool { return true }

// drop removes all tables.
func (l *lab) drop() {
	l.Helper()
	all := append([]string{"keyseat_strangers", "keyseat_logins", "keyseat_fingerprint", "keyseat_daemons", "keyseat_migrations", "keyseat_migration_locks", "keyseat_migrating"}, tables...)
	if !l.plain.Embedded() {
		l.exec("DROP TABLE IF EXISTS " + strings.Join(all, ", "))
		return
	}
	for _, table := range all {
		l.exec("DROP TABLE IF EXISTS " + table)
	}
}

// upToDate checks that each migration is recorded once and that its tables work.
func upToDate(t testing.TB, s *bunstore.Store, db *sql.DB, files []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM keyseat_migrations ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	var got, want []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		got = append(got, name)
	}
	for _, file := range files {
		want = append(want, nameOf(file))
	}
	if err := rows.Err(); err != nil || !slices.Equal(got, want) {
		t.Errorf("noted are %v, not %v (%v)", got, want, err)
	}
	fill(t, s, 1)
	if _, err := s.Subscribers(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAMigrationMayBreakOff fails each statement of a migration in turn, in every mode, from an empty
// database and from each earlier version. The next call must bring the schema up to date.
func TestAMigrationMayBreakOff(t *testing.T) {
	for _, name := range []string{"sqlite", "postgres", "postgres" + onTheWire} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			system, _, _ := strings.Cut(name, " ")
			l := emptyLab(t, databases[system](t), strings.HasSuffix(name, onTheWire))
			files := steps(t, l.url)
			failed, none := 0, l.statements(files, len(files))
			for from := range files {
				limit := math.MaxInt
				if from > 0 { // from the empty database, the statements of later migrations fail too
					limit = l.statements(files, from) - l.statements(files, from+1) + none
				}
				b := breakOff{lab: l, files: files, from: from, known: map[string]bool{}}
				b.restore()
				for _, m := range modes {
					for k := 1; k <= limit && l.mayBreak(m) && b.fails(m, k); k++ {
						failed++
					}
				}
			}
			if failed == 0 {
				t.Error("no statement has failed")
			}
			t.Attr("faults", strconv.Itoa(failed))
		})
	}
}

// statements returns the number of statements that a migration from the version from on has.
func (l *lab) statements(files []string, from int) int {
	l.Helper()
	l.drop()
	if from > 0 {
		earlier(l, l.db, files[:from], always)
	}
	l.arm(modes[0], math.MaxInt)
	if err := l.frail.Migrate(l.life); err != nil {
		l.Fatal(err)
	}
	l.mu.Lock()
	n := l.seen
	l.mu.Unlock()
	l.disarm()
	return n
}

// mayBreak reports whether to try a mode. On Postgres it allows only one, because each trial takes long.
func (l *lab) mayBreak(m mode) bool {
	return m.dies == l.wire && (m.first || l.plain.Embedded())
}

// A breakOff makes migrations from one version fail.
type breakOff struct {
	*lab
	files []string
	from  int
	start string          // the content of the database before a migration
	known map[string]bool // contents from which the next call has brought the schema up to date
}

// restore brings the database to the version from which the migrations start.
func (b *breakOff) restore() {
	b.Helper()
	b.drop()
	if b.from > 0 {
		earlier(b, b.db, b.files[:b.from], always)
	}
	b.start = b.content()
}

// fails makes the k-th statement of a migration fail. It returns false if there are fewer than k statements. Most faults
// leave the same content as another fault did, and then the next call does the same again.
func (b *breakOff) fails(m mode, k int) bool {
	b.Helper()
	b.arm(m, k)
	err := b.frail.Migrate(b.life)
	hits, _ := b.disarm()
	if hits == 0 && err != nil {
		b.Fatalf("nothing has failed, and the call gives %v", err)
	}
	if n := b.pool.Stats().InUse; n != 0 {
		b.Fatalf("%d connections were not given back", n)
	}
	left := b.content()
	if !b.known[left] {
		if err := b.plain.Migrate(b.life); err != nil {
			b.Fatalf("%s of statement %d from version %d leaves a database that cannot be migrated: %v", m.name, k, b.from, err)
		}
		upToDate(b, b.plain, b.db, b.files)
		b.known[left] = left != ""
	} else if left != b.start { // the lock is created before the transaction of a migration
		b.exec("DROP TABLE keyseat_migrating")
	}
	if b.content() != b.start || b.start == "" {
		b.restore()
	}
	return hits > 0
}

// contentSQL returns all definitions of the schema of Postgres, and all rows.
const contentSQL = `
	WITH names AS (SELECT c.* FROM pg_class c WHERE relnamespace = current_schema()::regnamespace)
	SELECT string_agg(line, E'\n' ORDER BY line) FROM (
		SELECT concat_ws(' ', relkind, relname, relpersistence, relowner::regrole, relacl, reloptions) FROM names
		UNION ALL SELECT concat_ws(' ', relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
			attcollation::regcollation, attstorage, attstattarget, attacl, pg_get_expr(adbin, adrelid))
			FROM names JOIN pg_attribute ON attrelid = names.oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
			WHERE relkind IN ('r', 'p', 'v', 'm') AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT concat_ws(' ', relname, conname, convalidated, pg_get_constraintdef(c.oid)) FROM names JOIN pg_constraint c ON conrelid = names.oid
		UNION ALL SELECT concat_ws(' ', indisvalid, pg_get_indexdef(indexrelid)) FROM names JOIN pg_index ON indexrelid = names.oid
		UNION ALL SELECT concat_ws(' ', tgenabled, pg_get_triggerdef(t.oid)) FROM names JOIN pg_trigger t ON tgrelid = names.oid WHERE NOT tgisinternal
		UNION ALL SELECT pg_get_functiondef(oid) || coalesce(proacl::text, '') FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prokind <> 'a'
		UNION ALL SELECT concat_ws(' ', sequencename, start_value, min_value, max_value, increment_by, cycle, cache_size) -- a rollback leaves last_value
			FROM pg_sequences WHERE schemaname = current_schema()
		UNION ALL SELECT relname || query_to_xml(format('SELECT * FROM %I', relname), true, true, '')::text FROM names WHERE relkind = 'r'
	) AS all_of_it (line)`

// content returns the content of a database of Postgres, with all definitions. It returns "" for SQLite, which migrates
// in less time than this takes.
func (l *lab) content() (text string) {
	l.Helper()
	if l.plain.Embedded() {
		return ""
	}
	if err := l.db.QueryRowContext(l.life, "SELECT coalesce(("+contentSQL+"), 'nothing')").Scan(&text); err != nil {
		l.Fatal(err)
	}
	return text
}

// TestAMigrationThatIsNotNoted checks that Migrate repairs a database whose record of a migration is missing.
// An older version could die between a migration and its record.
func TestAMigrationThatIsNotNoted(t *testing.T) {
	for name, url := range databases {
		for lost := range steps(t, url(t)) {
			t.Run(name+" "+strconv.Itoa(lost), func(t *testing.T) {
				t.Parallel()
				url := url(t)
				db, files := raw(t, url), steps(t, url)
				earlier(t, db, files[:lost+1], func(i int) bool { return i != lost })
				upToDate(t, open(t, url, bunstore.Options{}), db, files)
			})
		}
	}
}

// TestANewerVersion checks that Migrate refuses a database that a later version has migrated.
func TestANewerVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		open(t, url, bunstore.Options{})
		db, files := raw(t, url), steps(t, url)
		if _, err := db.ExecContext(t.Context(), `INSERT INTO keyseat_migrations (name, group_id) VALUES ('29990101000000', 9)`); err != nil {
			t.Fatal(err)
		}
		plain, distributed := form(url)
		s, err := bunstore.Open(t.Context(), plain, bunstore.Options{Distributed: distributed})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		want := "the database is at version 29990101000000, made by a newer keyseat; this program knows up to " + nameOf(files[len(files)-1])
		if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	})
}

// TestTheDatabaseOfAnotherProgram checks that keyseat creates no table in the database of another program,
// unless keyseat is embedded in that program.
func TestTheDatabaseOfAnotherProgram(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		db := raw(t, url)
		if _, err := db.ExecContext(t.Context(), `CREATE TABLE customers (id integer)`); err != nil {
			t.Fatal(err)
		}
		plain, distributed := form(url)
		alone := bunstore.Options{Distributed: distributed, Dedicated: true}
		s, err := bunstore.Open(t.Context(), plain, alone)
		if err == nil {
			err = s.Migrate(t.Context())
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "holds tables of another program (customers) and none of keyseat's") {
			t.Errorf("got %v", err)
		}
		if path, embedded := strings.CutPrefix(plain, "sqlite:"); embedded {
			var mode string
			if err := db.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "delete" {
				t.Errorf("its journal is %s now (%v)", mode, err)
			}
			if others, _ := filepath.Glob(strings.ReplaceAll(path, "?", "[?]") + "-*"); len(others) > 0 {
				t.Errorf("next to it are %v", others)
			}
		}
		fill(t, open(t, url, bunstore.Options{}), 1)
		open(t, url, alone)
	})
}

// TestTwoSchemas checks that a schema gets tables of its own if a later schema of the search path has tables
// of keyseat.
func TestTwoSchemas(t *testing.T) {
	onPostgres(t, func(t *testing.T, url string) {
		fill(t, open(t, url, bunstore.Options{}), 1)
		if _, err := raw(t, url).ExecContext(t.Context(), `CREATE SCHEMA other`); err != nil {
			t.Fatal(err)
		}
		second := open(t, url+"&search_path=other,public", bunstore.Options{})
		if all, err := second.Stock(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("it has the stock of the first: %v, %v", all, err)
		}
		fill(t, second, 2)
	})
}
