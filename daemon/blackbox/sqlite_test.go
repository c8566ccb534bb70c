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

// startFails starts a daemon that must end with status 1 and those words.
func (s *shop) startFails(words ...string) {
	s.Helper()
	d := s.start()
	d.exits(1)
	for _, w := range words {
		if !strings.Contains(d.log.String(), w) {
			s.Errorf("it does not say %q: %s", w, d.log.tail())
		}
	}
}

// notReady holds that /readyz is 503 and says those words.
func (d *daemon) notReady(words ...string) {
	d.Helper()
	a, err := d.try(http.MethodGet, d.admin+"/readyz", "", nil)
	if err != nil {
		d.Fatal(err)
	}
	if a.code != http.StatusServiceUnavailable {
		d.Errorf("/readyz is %d: %s", a.code, a.body)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			d.Errorf("/readyz does not say %q: %s", w, a.body)
		}
	}
}

// TestTheFileOfADaemonIsMoved holds that /readyz says so.
func TestTheFileOfADaemonIsMoved(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	d := s.serve()
	path := strings.TrimPrefix(s.database, "sqlite:")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	d.notReady(path, "moved or removed")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.notReady("another file has replaced "+path, "put the right file there")
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	if d.ready() != http.StatusOK {
		t.Error("the file is back, and the daemon is not ready")
	}
}

// TestTwoNamesOfOneFile has a second daemon come by a hard link.
func TestTwoNamesOfOneFile(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	d := s.serve()
	path := strings.TrimPrefix(s.database, "sqlite:")
	other := filepath.Join(s.folder, "other.db")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	second := *s
	second.database = "sqlite:" + other
	second.startFails(other+" has 2 names", "find / -xdev -samefile "+other)
	if r := second.cli("stock"); r.code != 1 || !strings.Contains(r.err, "2 names") {
		t.Errorf("%+v", r)
	}
	if d.ready() != http.StatusOK {
		t.Error("the first is not ready")
	}
}

// TestNoNewKeyForOpenTasks holds that a daemon makes no master key where open tasks need another, and that
// the file of keys belongs to the database, by whatever path it is served.
func TestNoNewKeyForOpenTasks(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.leaveOpen("K")
	keys := s.masterKeys()
	text, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(string(text), " ")
	aside := filepath.Join(s.folder, "aside")
	if err := os.Rename(keys, aside); err != nil {
		t.Fatal(err)
	}
	s.startFails(keys, "sealed with master key "+id, "--master-key-file", "keyseatd master-key add "+keys)
	if err := os.Rename(aside, keys); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(strings.TrimPrefix(s.database, "sqlite:"), link); err != nil {
		t.Fatal(err)
	}
	linked := *s
	linked.database = "sqlite:" + link
	d := linked.serve("--lease", "1s")
	d.endsAs("K", "success", "")
	d.endsAs("blocker", "success", "")
	d.stop()
	if beside, err := filepath.Glob(link + "?*"); err != nil || len(beside) > 0 {
		t.Errorf("next to the link stand %v, %v", beside, err)
	}
}

// TestAMasterKeyThatIsMissing holds that an account which does not open is an error in the log and no attempt,
// and that the task is carried out once the key is back.
func TestAMasterKeyThatIsMissing(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.leaveOpen("K")
		right, wrong := s.masterKeys(), filepath.Join(s.folder, "wrong-keys")
		id := strings.TrimSpace(s.must("master-key", "add", wrong))
		d := s.serve("--master-key-file", wrong, "--task-attempts", "2", "--lease", "1s")
		const said = "the account of a task does not open, so the provider was not asked"
		s.until("it was tried more often than an attempt may fail", func() bool {
			var shown struct{ History []struct{ Event string } }
			s.list(&shown, "keys", "show", "K")
			return len(shown.History) > 6
		})
		if entry := d.log.find(said); entry["level"] != "error" || !strings.Contains(fmt.Sprint(entry["error"]), "not in the ring") {
			s.Errorf("it is logged as %v", entry)
		}
		for _, one := range s.tasks() {
			if one.Code == "K" && (one.State != "open" || one.Asked != 0) {
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
		d.endsAs("K", "success", "")
		d.stop()
		if strings.Contains(d.log.String(), id) {
			s.Errorf("the log names the wrong key %s", id)
		}
	})
}

// TestAKeyFileThatRootMakes holds that it belongs to the owner of the database.
func TestAKeyFileThatRootMakes(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only root can give files away")
	}
	s := onSQLite(t)
	s.must("migrate")
	const owner = 65534
	if err := os.Chown(strings.TrimPrefix(s.database, "sqlite:"), owner, owner); err != nil {
		t.Fatal(err)
	}
	s.serve().stop()
	info, err := os.Stat(s.masterKeys())
	if err != nil {
		t.Fatal(err)
	}
	if got, known := info.Sys().(*syscall.Stat_t); !known || got.Uid != owner || info.Mode().Perm() != 0o600 {
		t.Errorf("it is %v, %+v", info.Mode(), info.Sys())
	}
}
