package blackbox_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// expectStartFails starts a daemon that must end with status 1 and those words.
func (s *Shop) expectStartFails(words ...string) {
	s.Helper()
	d := s.Start()
	d.WaitExit(1)
	for _, w := range words {
		if !strings.Contains(d.Logs.String(), w) {
			s.Errorf("it does not say %q: %s", w, d.Logs.Tail())
		}
	}
}

// ExpectNotReady holds that /readyz is 503 and says those words.
func (d *Daemon) ExpectNotReady(words ...string) {
	d.Helper()
	a, err := d.Send(http.MethodGet, d.AdminURL+"/readyz", "", nil)
	if err != nil {
		d.Fatal(err)
	}
	if a.Code != http.StatusServiceUnavailable {
		d.Errorf("/readyz is %d: %s", a.Code, a.Body)
	}
	for _, w := range words {
		if !strings.Contains(a.Body, w) {
			d.Errorf("/readyz does not say %q: %s", w, a.Body)
		}
	}
}

// TestMovedDatabaseFileIsNotReady holds that /readyz says so.
func TestMovedDatabaseFileIsNotReady(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
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

// TestHardLinkedDatabaseIsRefused has a second daemon come by a hard link.
func TestHardLinkedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	d := s.Serve()
	path := strings.TrimPrefix(s.Database, "sqlite:")
	other := filepath.Join(s.Folder, "other.db")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	second := *s
	second.Database = "sqlite:" + other
	second.expectStartFails(other+" has 2 names", "find / -xdev -samefile "+other)
	if r := second.Exec("stock"); r.Code != 1 || !strings.Contains(r.Err, "2 names") {
		t.Errorf("%+v", r)
	}
	if d.ReadyStatus() != http.StatusOK {
		t.Error("the first is not ready")
	}
}

// TestNoNewMasterKeyForOpenTasks holds that a daemon makes no master key where open tasks need another, and that
// the file of keys belongs to the database, by whatever path it is served.
func TestNoNewMasterKeyForOpenTasks(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.leaveTasksOpen("K")
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
	s.expectStartFails(keys, "sealed with master key "+id, "--master-key-file", "keyseatd master-key add "+keys)
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
	if beside, err := filepath.Glob(link + "?*"); err != nil || len(beside) > 0 {
		t.Errorf("next to the link stand %v, %v", beside, err)
	}
}

// TestMissingMasterKeyIsNoAttempt holds that an account which does not open is an error in the log and no attempt,
// and that the task is carried out once the key is back.
func TestMissingMasterKeyIsNoAttempt(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.leaveTasksOpen("K")
		right, wrong := s.MasterKeyPath(), filepath.Join(s.Folder, "wrong-keys")
		id := strings.TrimSpace(s.MustExec("master-key", "add", wrong))
		d := s.Serve("--master-key-file", wrong, "--task-attempts", "2", "--lease", "1s")
		const said = "the account of a task does not open, so the provider was not asked"
		s.Eventually("it was tried more often than an attempt may fail", func() bool {
			var shown struct{ History []struct{ Event string } }
			s.ExecJSON(&shown, "keys", "show", "K")
			return len(shown.History) > 6
		})
		if entry := d.Logs.Find(said); entry["level"] != "error" || !strings.Contains(fmt.Sprint(entry["error"]), "not in the ring") {
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

// TestMasterKeyFileHasDatabaseOwner holds that it belongs to the owner of the database.
func TestMasterKeyFileHasDatabaseOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only root can give files away")
	}
	s := NewSQLiteShop(t)
	s.MustExec("migrate")
	const owner = 65534
	if err := os.Chown(strings.TrimPrefix(s.Database, "sqlite:"), owner, owner); err != nil {
		t.Fatal(err)
	}
	s.Serve().Stop()
	info, err := os.Stat(s.MasterKeyPath())
	if err != nil {
		t.Fatal(err)
	}
	if got, known := info.Sys().(*syscall.Stat_t); !known || got.Uid != owner || info.Mode().Perm() != 0o600 {
		t.Errorf("it is %v, %+v", info.Mode(), info.Sys())
	}
}
