package operator_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestMasterKeyRotation checks that a running daemon encrypts with a new master key, and that prune removes only keys
// that no task needs.
func TestMasterKeyRotation(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K", "L")
		s.ImportPlans("p,US,5,,")
		file := filepath.Join(s.Folder, "rotated")
		s.MustExec("master-key", "add", file)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("the file: %v %v", info, err)
		}
		d := s.Serve("--master-key-file", file)
		d.MustAccept(harness.Upgrade("K", "503=2+success@example.com", "US"))
		s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == 1 })
		s.MustExec("master-key", "add", file)
		d.MustAccept(harness.Upgrade("L", "503=3+success@example.com", "US"))
		expectKept(s, file, "a daemon may still encrypt with it until")
		s.AgeMasterKeys(file, time.Hour)
		d.ExpectEnd("K", "success", "")
		s.Eventually("the old key is dropped", func() bool { // by the daemon or by the command
			s.MustExec("master-key", "prune", file)
			text, err := os.ReadFile(file)
			return err == nil && strings.Count(string(text), "\n") == 1
		})
		d.Stop()
		d = s.Serve("--master-key-file", file)
		d.ExpectEnd("L", "success", "")
	})
}

// expectKept prunes a file of master keys, which must keep all keys for the given reason.
func expectKept(s *harness.Shop, file, reason string) {
	s.Helper()
	if r := s.Exec("master-key", "prune", file); r.Code != 0 || r.Out != "" || !strings.Contains(r.Err, reason) {
		s.Errorf("not kept because %s: %+v", reason, r)
	}
}

// TestMasterKeyInUseIsKept checks that prune keeps a master key that a daemon encrypts with, or that an open task
// needs, although the file has a newer key. The daemon has a copy of the file without the newer key, as with the
// shipped systemd unit.
func TestMasterKeyInUseIsKept(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,5,,")
		file, copied := filepath.Join(s.Folder, "original"), filepath.Join(s.Folder, "copy")
		s.MustExec("master-key", "add", file)
		distribute(s, file, copied)
		d := s.Serve("--master-key-file", copied, "--connector-timeout", "1h", "--lease", "1s")
		s.MustExec("master-key", "add", file)
		s.AgeMasterKeys(file, time.Hour)
		expectKept(s, file, "a daemon encrypts with it")
		d.MustAccept(harness.Upgrade("K", "silent+success@example.com", "US"))
		s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == 1 })
		d.Kill()
		expectKept(s, file, "an open task needs it")
		distribute(s, file, copied)
		d = s.Serve("--master-key-file", copied, "--lease", "1s")
		d.ExpectEnd("K", "success", "")
		if dropped := strings.Fields(s.MustExec("master-key", "prune", file)); len(dropped) != 1 {
			s.Errorf("dropped: %v", dropped)
		}
	})
}

// distribute copies a file of master keys.
func distribute(s *harness.Shop, from, to string) {
	s.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// TestDaemonRotatesMasterKeys checks that several daemons with one file add one master key when the rotation period is
// over. Commands that rotate the file at the same moment add no further key.
func TestDaemonRotatesMasterKeys(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,5,,")
		file := filepath.Join(s.Folder, "rotated")
		s.MustExec("master-key", "add", file)
		all := s.ServeAll(3, "--master-key-file", file, "--key-period", "4s")
		s.Eventually("a key is added", func() bool { return youngKeys(s, file) > 1 })
		for _, d := range all {
			d.Stop()
		}
		s.AgeMasterKeys(file, time.Hour)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() { s.Exec("master-key", "rotate", file, "--key-period", "30m") })
		}
		group.Wait()
		if n := youngKeys(s, file); n != 1 {
			s.Errorf("four commands added %d keys", n)
		}
		d := s.Serve("--master-key-file", file)
		d.MustAccept(harness.Upgrade("K", "success@example.com", "US"))
		d.ExpectEnd("K", "success", "")
	})
}

// youngKeys returns the number of keys of a file that were made in the last half an hour.
func youngKeys(s *harness.Shop, file string) (n int) {
	s.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if made, err := time.Parse(time.RFC3339, fields[len(fields)-1]); err == nil && time.Since(made) < 30*time.Minute {
			n++
		}
	}
	return n
}

// expectStartFails starts a daemon, which must end with status 1 and log the given texts.
func expectStartFails(s *harness.Shop, words ...string) {
	s.Helper()
	d := s.Start()
	d.WaitExit(1)
	for _, w := range words {
		if !strings.Contains(d.Logs.String(), w) {
			s.Errorf("it does not say %q: %s", w, d.Logs.Tail())
		}
	}
}

// TestMovedDatabaseFileIsNotReady checks that /readyz reports that the SQLite file was moved or replaced.
func TestMovedDatabaseFileIsNotReady(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	d := s.Serve()
	path := strings.TrimPrefix(s.Database, "sqlite:")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	d.ExpectNotReady(path, "moved or removed")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.ExpectNotReady("another file has replaced "+path, "put the right file there")
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	if d.ReadyStatus() != http.StatusOK {
		t.Error("the file is back, and the daemon is not ready")
	}
}

// TestHardLinkedDatabaseIsRefused checks that a second daemon does not start on a hard link of the SQLite file of
// another daemon.
func TestHardLinkedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	d := s.Serve()
	path := strings.TrimPrefix(s.Database, "sqlite:")
	other := filepath.Join(s.Folder, "other.db")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	second := *s
	second.Database = "sqlite:" + other
	expectStartFails(&second, other+" has 2 names", "find / -xdev -samefile "+other)
	if r := second.Exec("stock"); r.Code != 1 || !strings.Contains(r.Err, "2 names") {
		t.Errorf("%+v", r)
	}
	if d.ReadyStatus() != http.StatusOK {
		t.Error("the first is not ready")
	}
}

// TestNoNewMasterKeyForOpenTasks checks that a daemon makes no master key while open tasks need a missing one. The same
// file of master keys belongs to the database, by whatever path the daemon opens the database.
func TestNoNewMasterKeyForOpenTasks(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	leaveTasksOpen(s, "K")
	keys := s.MasterKeyPath()
	text, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(string(text), " ")
	aside := filepath.Join(s.Folder, "aside")
	if err := os.Rename(keys, aside); err != nil {
		t.Fatal(err)
	}
	expectStartFails(s, keys, "sealed with master key "+id, "--master-key-file", "keyseatd master-key add "+keys)
	if err := os.Rename(aside, keys); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(strings.TrimPrefix(s.Database, "sqlite:"), link); err != nil {
		t.Fatal(err)
	}
	linked := *s
	linked.Database = "sqlite:" + link
	d := linked.Serve("--lease", "1s")
	d.ExpectEnd("K", "success", "")
	d.ExpectEnd("blocker", "success", "")
	d.Stop()
	if others, err := filepath.Glob(link + "?*"); err != nil || len(others) > 0 {
		t.Errorf("next to the link are %v, %v", others, err)
	}
}

// TestMissingMasterKeyIsNoAttempt checks that a daemon logs an error if it cannot decrypt an account, and counts no
// attempt. When the master key is back, the task is carried out.
func TestMissingMasterKeyIsNoAttempt(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		leaveTasksOpen(s, "K")
		right, wrong := s.MasterKeyPath(), filepath.Join(s.Folder, "wrong-keys")
		id := strings.TrimSpace(s.MustExec("master-key", "add", wrong))
		d := s.Serve("--master-key-file", wrong, "--task-attempts", "2", "--lease", "1s")
		const message = "the account of a task does not open, so the provider was not called"
		s.Eventually("it was tried more often than an attempt may fail", func() bool {
			var shown struct{ History []struct{ Event string } }
			s.ExecJSON(&shown, "keys", "show", "K")
			return len(shown.History) > 6
		})
		if entry := d.Logs.Find(message); entry["level"] != "error" || !strings.Contains(fmt.Sprint(entry["error"]), "not in the ring") {
			s.Errorf("it is logged as %v", entry)
		}
		for _, one := range s.Tasks() {
			if one.Code == "K" && (one.State != "open" || one.Attempts != 0) {
				s.Errorf("it counts as an attempt: %+v", one)
			}
		}
		text, err := os.ReadFile(right)
		if err == nil {
			err = os.WriteFile(wrong, text, 0o600)
		}
		if err != nil {
			s.Fatal(err)
		}
		d.ExpectEnd("K", "success", "")
		d.Stop()
		if strings.Contains(d.Logs.String(), id) {
			s.Errorf("the log names the wrong key %s", id)
		}
	})
}
