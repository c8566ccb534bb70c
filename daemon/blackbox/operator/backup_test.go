package operator_test

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
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestBackupAndRestore makes a backup of an SQLite database under load, kills the daemon and restores the backup, as
// the page on operations describes.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	const early, all = 40, 240
	var codes []string
	for i := range all {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.AddKeys(append(codes, "blocker")...)
	s.ImportPlans(fmt.Sprintf("p,US,%d,,", all+1))
	d := s.Serve("--key-task-limit", "0")
	for _, code := range codes[:early] {
		d.MustAccept(harness.Upgrade(code, "success@example.com", "US"))
	}
	for _, code := range codes[:early] {
		d.ExpectEnd(code, "success", "")
	}
	file := filepath.Join(s.Folder, "monday.db")
	var load sync.WaitGroup
	load.Go(func() {
		for _, code := range codes[early:] {
			if a, err := d.Send(http.MethodPost, d.URL+"/API/", harness.Upgrade(code, "success@example.com", "US"), http.Header{"Content-Type": {harness.FormType}}); err != nil || a.Body != harness.UpgradeSent {
				s.Errorf("next to a backup an upgrade was answered %+v, %v", a, err)
			}
		}
	})
	s.Eventually("the load is under way", func() bool { return d.Info(codes[early]).Status != "active" })
	out := s.MustExec("backup", file)
	if !strings.Contains(out, fmt.Sprintf("backed up %d keys", all+1)) || !strings.Contains(out, "master keys") {
		s.Errorf("the output is %s", out)
	}
	load.Wait()
	if r := s.Exec("backup", file); r.Code != 1 || !strings.Contains(r.Err, file) {
		s.Errorf("a backup replaced a file: %+v", r)
	}
	d.MustAccept(harness.Upgrade("blocker", "silent+success@example.com", "US"))
	if r := s.Exec("restore", file); r.Code != 1 || !strings.Contains(r.Err, "is served: stop the daemon first") {
		s.Errorf("restored under a daemon: %+v", r)
	}
	d.Kill()

	kept := mustRestore(s, file)
	old := *s
	old.Database = "sqlite:" + kept
	if n := old.Count("SELECT count(*) FROM keyseat_tasks"); n != all+1 {
		s.Errorf("the old database has %d of %d tasks", n, all+1)
	}
	d = s.Serve()
	for _, code := range codes[:early] {
		d.ExpectEnd(code, "success", "")
	}
	s.Eventually("all tasks end", func() bool { return len(s.Tasks("--state", "open")) == 0 })
	if n := len(s.Tasks()); n < early || n > all {
		s.Errorf("restored %d tasks", n)
	}
	d.Stop()
	s.CheckDoctor() // only the provider's ledger knows what happened after the backup
}

var keptPath = regexp.MustCompile(`the old database is kept as (.*)\n`)

// mustRestore restores a backup, in which the doctor must find nothing, and returns the path of the old database.
func mustRestore(s *harness.Shop, file string) (kept string) {
	s.Helper()
	out := s.MustExec("restore", file)
	found := keptPath.FindStringSubmatch(out)
	if found == nil || !strings.Contains(out, "nothing is wrong") {
		s.Fatalf("the output is %s", out)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(strings.TrimPrefix(s.Database, "sqlite:") + suffix); !errors.Is(err, fs.ErrNotExist) {
			s.Errorf("%s is left: %v", suffix, err)
		}
	}
	return found[1]
}

// TestPostgresBackup checks that the commands backup and restore name the programs of PostgreSQL that do this. A daemon
// serves on a copy that these programs have made, and carries out the open tasks.
func TestPostgresBackup(t *testing.T) {
	t.Parallel()
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	for _, command := range []string{"backup", "restore"} {
		if r := s.Exec(command, "monday.db"); r.Code != 2 || !strings.Contains(r.Err, "pg_dump and pg_restore") || strings.Count(r.Err, "\n") != 1 {
			s.Errorf("%s: %+v", command, r)
		}
	}
	codes := []string{"K1", "K2", "K3", "K4"}
	leaveTasksOpen(s, codes...)
	for range 2 {
		file := filepath.Join(s.Folder, "keyseat.dump")
		runPostgresProgram(s, "pg_dump", "--format=custom", "--file="+file, s.Database)
		s.Database = pgtest.URL(t)
		runPostgresProgram(s, "pg_restore", "--no-owner", "--exit-on-error", "--dbname="+s.Database, file)
		if n := len(s.Tasks("--state", "open")); n != len(codes)+1 {
			s.Errorf("%d tasks are open in the copy", n)
		}
	}
	d := s.Serve("--lease", "1s")
	for _, code := range codes {
		d.ExpectEnd(code, "success", "")
	}
	d.ExpectEnd("blocker", "success", "")
	s.AddKeys("new")
	d.MustAccept(harness.Upgrade("new", "success@example.com", "US"))
	d.ExpectEnd("new", "success", "")
	d.Stop()
	s.CheckProvider()
	s.CheckDoctor()
}

// runPostgresProgram runs a program that comes with PostgreSQL. pg_dump must not be older than the server.
func runPostgresProgram(s *harness.Shop, name string, args ...string) {
	s.Helper()
	out, err := exec.CommandContext(s.Context(), pgtest.LookPath(s.T, name), args...).CombinedOutput()
	if err != nil && strings.Contains(string(out), "server version mismatch") && !pgtest.Required() {
		s.Skip("SKIPPED, NOTHING WAS TESTED: " + name + " is older than the server")
	}
	if err != nil {
		s.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// leaveTasksOpen has upgrades accepted by a daemon that is busy with the key "blocker", and kills the daemon.
func leaveTasksOpen(s *harness.Shop, codes ...string) {
	s.Helper()
	s.AddKeys(append(codes, "blocker")...)
	s.ImportPlans(fmt.Sprintf("p,US,%d,,", len(codes)+5))
	d := s.Serve("--workers", "1", "--connector-timeout", "1h", "--lease", "1s")
	d.MustAccept(harness.Upgrade("blocker", "silent+success@example.com", "US"))
	s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == 1 })
	for _, code := range codes {
		d.MustAccept(harness.Upgrade(code, "success@example.com", "US"))
	}
	d.Kill()
}
