package operator_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestMasterKeyRotation checks that a running daemon encrypts with a new key, and that prune drops only keys that no
// task needs.
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
		if dropped := s.MustExec("master-key", "prune", file); dropped != "" {
			s.Errorf("dropped, though both are needed: %s", dropped)
		}
		d.ExpectEnd("K", "success", "")
		if dropped := strings.Fields(s.MustExec("master-key", "prune", file)); len(dropped) != 1 {
			s.Errorf("dropped: %v", dropped)
		}
		d.Stop()
		d = s.Serve("--master-key-file", file)
		d.ExpectEnd("L", "success", "")
	})
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

// TestMovedDatabaseFileIsNotReady checks that /readyz reports a moved or replaced file.
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

// TestHardLinkedDatabaseIsRefused starts a second daemon on a hard link of the file.
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

// TestNoNewMasterKeyForOpenTasks checks that a daemon makes no master key while open tasks need another. The file of
// keys belongs to the database, by whichever path the daemon opens it.
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

// TestMissingMasterKeyIsNoAttempt checks that an account that cannot be decrypted is an error in the log, and not an
// attempt. When the key is back, the task is carried out.
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

// TestMasterKeyFileHasDatabaseOwner checks that the file belongs to the owner of the database.
func TestMasterKeyFileHasDatabaseOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only root can give files away")
	}
	s := harness.NewSQLiteShop(t)
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
