package blackbox_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKilledMigrations holds that `migrate` may be killed at any moment, on an empty database and on each earlier
// version with keys in it: the next one brings the schema up to date, and no key is lost.
func TestKilledMigrations(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		kills, killed, trials, longest := Scaled(20, 300), 0, 0, 50*time.Millisecond
		steps := s.migrationFiles()
		for ; killed < kills && trials < 20*kills; trials++ {
			from := trials % len(steps)
			s.restoreVersion(steps[:from])
			if trials < len(steps) { // to learn how long it takes
				start := time.Now()
				s.MustExec("migrate")
				longest = max(longest, time.Since(start))
			} else if s.migrateAndKill(longest) {
				killed++
			}
			s.checkMigration(steps, from)
		}
		if killed < kills {
			s.Errorf("of %d migrations only %d were killed before their end", trials, killed)
		}
		Report(s, trials, killed)
	})
}

// migrateAndKill starts a migration, kills it within that time, and says whether it was still running.
func (s *Shop) migrateAndKill(longest time.Duration) bool {
	s.Helper()
	cmd := s.Command("migrate")
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	time.Sleep(rand.N(longest)) // because it may die at any moment
	_ = killGroup(cmd.Process)  // it may have ended
	_ = cmd.Wait()
	return !cmd.ProcessState.Exited()
}

// oldKeys is how many keys an earlier version of the database has.
const oldKeys = 100

// checkMigration holds that a migration succeeds, notes each step once, and leaves the keys.
func (s *Shop) checkMigration(steps []string, from int) {
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

// migrationFiles are the files of the migrations.
func (s *Shop) migrationFiles() []string {
	s.Helper()
	folder := "postgres"
	if s.IsSQLite() {
		folder = "sqlite"
	}
	files, err := filepath.Glob(filepath.Join("../../adapters/bunstore/migrations", folder, "*.sql"))
	if err != nil || len(files) == 0 {
		s.Fatal(files, err)
	}
	return files
}

// restoreVersion makes the database anew, as it was after those steps, with keys in it. No step: an empty database.
func (s *Shop) restoreVersion(steps []string) {
	s.Helper()
	db := s.dropAll()
	defer func() { _ = db.Close() }() // it has done its work
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

// dropAll opens the database after all was removed from it.
func (s *Shop) dropAll() *sql.DB {
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
				_ = os.Remove(file) // it was there a moment ago
			}
		}
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		s.Fatal(err)
	}
	if driver == "pgx" { // waits for the transaction of a process that was killed
		if _, err := db.ExecContext(s.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
			s.Fatal(err)
		}
	}
	return db
}
