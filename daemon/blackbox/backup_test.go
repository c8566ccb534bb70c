package blackbox_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestBackupAndRestore takes a backup of an SQLite database while it is served under load, kills the daemon
// and restores, as the operations page says.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	const early, all = 40, 240
	var codes []string
	for i := range all {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.fresh(append(codes, "blocker")...)
	s.importPlans(fmt.Sprintf("p,US,%d,,", all+1))
	d := s.serve("--key-task-limit", "0")
	for _, code := range codes[:early] {
		d.accepted(upgrade(code, "success@example.com", "US"))
	}
	for _, code := range codes[:early] {
		d.endsAs(code, "success", "")
	}
	file := filepath.Join(s.folder, "monday.db")
	var load sync.WaitGroup
	load.Go(func() {
		for _, code := range codes[early:] {
			if a, err := d.try(http.MethodPost, d.url+"/API/", upgrade(code, "success@example.com", "US"), http.Header{"Content-Type": {formType}}); err != nil || a.body != upgradeSent {
				s.Errorf("next to a backup an upgrade was answered %+v, %v", a, err)
			}
		}
	})
	s.until("the load is under way", func() bool { return d.info(codes[early]).Status != "active" })
	out := s.must("backup", file)
	if !strings.Contains(out, fmt.Sprintf("backed up %d keys", all+1)) || !strings.Contains(out, "master keys") {
		s.Errorf("it says %s", out)
	}
	load.Wait()
	if r := s.cli("backup", file); r.code != 1 || !strings.Contains(r.err, file) {
		s.Errorf("a backup replaced a file: %+v", r)
	}
	d.accepted(upgrade("blocker", "silent+success@example.com", "US"))
	if r := s.cli("restore", file); r.code != 1 || !strings.Contains(r.err, "is served: stop the daemon first") {
		s.Errorf("restored under a daemon: %+v", r)
	}
	d.kill()

	kept := s.restores(file)
	old := *s
	old.database = "sqlite:" + kept
	if n := old.count("SELECT count(*) FROM keyseat_tasks"); n != all+1 {
		s.Errorf("the old database has %d of %d tasks", n, all+1)
	}
	d = s.serve()
	for _, code := range codes[:early] {
		d.endsAs(code, "success", "")
	}
	s.until("all tasks end", func() bool { return len(s.tasks("--state", "open")) == 0 })
	if n := len(s.tasks()); n < early || n > all {
		s.Errorf("restored %d tasks", n)
	}
	d.stop()
	s.well() // and what the provider did since the backup only its own list shows
}

var keptAs = regexp.MustCompile(`the old database is kept as (.*)\n`)

// restores runs a restore that finds nothing wrong, and returns where the old database is.
func (s *shop) restores(file string) (kept string) {
	s.Helper()
	out := s.must("restore", file)
	found := keptAs.FindStringSubmatch(out)
	if found == nil || !strings.Contains(out, "nothing is wrong") {
		s.Fatalf("it says %s", out)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(strings.TrimPrefix(s.database, "sqlite:") + suffix); !errors.Is(err, fs.ErrNotExist) {
			s.Errorf("%s is left: %v", suffix, err)
		}
	}
	return found[1]
}

// TestBackupOfPostgres holds that backup and restore say in a sentence what to use, and that this works there
// and back, with open tasks: what was accepted is carried out by a daemon on the copy.
func TestBackupOfPostgres(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.URL(t))
	for _, command := range []string{"backup", "restore"} {
		if r := s.cli(command, "monday.db"); r.code != 2 || !strings.Contains(r.err, "pg_dump and pg_restore") || strings.Count(r.err, "\n") != 1 {
			s.Errorf("%s: %+v", command, r)
		}
	}
	codes := []string{"K1", "K2", "K3", "K4"}
	s.leaveOpen(codes...)
	for range 2 {
		file := filepath.Join(s.folder, "keyseat.dump")
		s.postgresProgram("pg_dump", "--format=custom", "--file="+file, s.database)
		s.database = pgtest.URL(t)
		s.postgresProgram("pg_restore", "--no-owner", "--exit-on-error", "--dbname="+s.database, file)
		if n := len(s.tasks("--state", "open")); n != len(codes)+1 {
			s.Errorf("%d tasks are open in the copy", n)
		}
	}
	d := s.serve("--lease", "1s")
	for _, code := range codes {
		d.endsAs(code, "success", "")
	}
	d.endsAs("blocker", "success", "")
	s.fresh("new")
	d.accepted(upgrade("new", "success@example.com", "US"))
	d.endsAs("new", "success", "")
	d.stop()
	s.agrees()
	s.well()
}

// postgresProgram runs one of the programs that come with PostgreSQL.
func (s *shop) postgresProgram(name string, args ...string) {
	s.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if pgtest.Required() {
			s.Fatalf("%v: it comes with PostgreSQL (apt-get install postgresql-client)", err)
		}
		s.Skip("SKIPPED, NOTHING WAS TESTED: there is no " + name)
	}
	if out, err := exec.CommandContext(s.Context(), name, args...).CombinedOutput(); err != nil {
		s.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// leaveOpen has upgrades accepted by a daemon that is busy with that of another key, blocker, and killed.
func (s *shop) leaveOpen(codes ...string) {
	s.Helper()
	s.fresh(append(codes, "blocker")...)
	s.importPlans(fmt.Sprintf("p,US,%d,,", len(codes)+5))
	d := s.serve("--workers", "1", "--connector-timeout", "1h", "--lease", "1s")
	d.accepted(upgrade("blocker", "silent+success@example.com", "US"))
	s.until("the provider is asked", func() bool { return len(s.provider.Requests()) == 1 })
	for _, code := range codes {
		d.accepted(upgrade(code, "success@example.com", "US"))
	}
	d.kill()
}
