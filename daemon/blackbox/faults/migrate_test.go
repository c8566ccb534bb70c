package faults_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestKilledMigrations kills migrations of an empty database, and of databases of each earlier version with keys. The
// next migration updates the schema, and loses no key.
func TestKilledMigrations(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.SkipOnCitus("an earlier version has no distributed tables")
		kills, killed, trials := harness.Scaled(20, 300), 0, 0
		steps := migrationFiles(s)
		took := make([]time.Duration, len(steps)) // from each version
		for ; killed < kills && trials < 20*kills; trials++ {
			from := trials % len(steps)
			restoreVersion(s, steps[:from])
			if trials < len(steps) { // to measure it
				start := time.Now()
				s.MustExec("migrate")
				took[from] = max(50*time.Millisecond, time.Since(start))
			} else if migrateAndKill(s, took[from]) {
				killed++
			}
			checkMigration(s, steps, from)
		}
		if killed < kills {
			s.Errorf("of %d migrations only %d were killed before their end", trials, killed)
		}
		harness.Report(s, trials, killed)
	})
}

// migrateAndKill starts a migration, kills it within a time, and reports whether it was still running.
func migrateAndKill(s *harness.Shop, longest time.Duration) bool {
	s.Helper()
	cmd := s.Command("migrate")
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	time.Sleep(rand.N(longest))        // so that the process dies at any moment
	_ = harness.KillGroup(cmd.Process) // it may have ended
	_ = cmd.Wait()
	return !cmd.ProcessState.Exited()
}

// oldKeys is the number of keys in an earlier version of the database.
const oldKeys = 100

// checkMigration checks that a migration succeeds, records each step once, and keeps the keys.
func checkMigration(s *harness.Shop, steps []string, from int) {
	s.Helper()
	if r := s.Exec("migrate"); r.Code != 0 {
		s.Fatalf("after a migrate from version %d was killed: %s", from, r.Err)
	}
	want := oldKeys
	if from == 0 {
		want = 0
	}
	if n := strings.Count(s.MustExec("keys", "export"), "\n") - 1; n != want {
		s.Fatalf("%d keys of %d are there after a migrate from version %d", n, want, from)
	}
	s.MustExec("keys", "generate", "--count", "1")
	s.MustExec("doctor")
	if n := s.Count(`SELECT count(*) FROM keyseat_migrations`); n != len(steps) {
		s.Fatalf("%d migrations are noted, not %d", n, len(steps))
	}
}

// migrationFiles returns the paths of the migrations.
func migrationFiles(s *harness.Shop) []string {
	s.Helper()
	folder := "postgres"
	if s.IsSQLite() {
		folder = "sqlite"
	}
	files, err := filepath.Glob(filepath.Join(harness.Root, "adapters/bunstore/migrations", folder, "*.sql"))
	if err != nil || len(files) == 0 {
		s.Fatal(files, err)
	}
	return files
}

// restoreVersion makes a database as it was after some steps, with keys. Without steps the database is empty.
func restoreVersion(s *harness.Shop, steps []string) {
	s.Helper()
	db := dropAll(s)
	defer func() { _ = db.Close() }() // the statements were run
	if len(steps) == 0 {
		return
	}
	identity := "bigserial PRIMARY KEY"
	if s.IsSQLite() {
		identity = "integer PRIMARY KEY AUTOINCREMENT"
	}
	do := []string{`CREATE TABLE keyseat_migrations (id ` + identity + `, name varchar, group_id bigint, migrated_at timestamp NOT NULL DEFAULT current_timestamp)`}
	for _, file := range steps {
		text, err := os.ReadFile(file)
		if err != nil {
			s.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(file), "_")
		do = append(do, string(text), `INSERT INTO keyseat_migrations (name, group_id) VALUES ('`+name+`', 1)`)
	}
	do = append(do, fmt.Sprintf(`
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO keyseat_keys (code, version, status, used, revoked, message, username, verify_address, invite, address, order_id, task_id, batch_id)
		SELECT 'old-' || CAST(i AS text), 1, 'active', false, false, '', '', '', '', '', '', '', 'batch' FROM n`, oldKeys), `
		INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
		SELECT code, batch_id, 0, created_at, 'imported', '', '', '', '', '', '', '' FROM keyseat_keys`,
		`INSERT INTO keyseat_batches SELECT 'batch', min(created_at) FROM keyseat_keys`)
	for _, text := range do {
		if _, err := db.ExecContext(s.Context(), text); err != nil {
			s.Fatal(err)
		}
	}
}

// dropAll removes everything from the database, and returns a connection.
func dropAll(s *harness.Shop) *sql.DB {
	s.Helper()
	driver, source := "pgx", s.Database
	if path, embedded := strings.CutPrefix(s.Database, "sqlite:"); embedded {
		driver, source = "sqlite", path
		files, err := filepath.Glob(path + "*")
		if err != nil {
			s.Fatal(err)
		}
		for _, file := range files {
			if file != s.MasterKeyPath() {
				_ = os.Remove(file) // it existed a moment ago
			}
		}
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		s.Fatal(err)
	}
	if driver == "pgx" { // waits for the transaction of a killed process
		if _, err := db.ExecContext(s.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
			s.Fatal(err)
		}
	}
	return db
}
