package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is the id of a user without rights, for a test that runs as root.
const nobody = 65534

// unprivileged runs the program as a user for whom file modes are enforced, in a folder of that user.
func (sh shell) unprivileged(args ...string) string {
	sh.Helper()
	cmd := exec.CommandContext(sh.Context(), filepath.Join(sh.dir, "keyseatd"), args...)
	cmd.Dir, cmd.Env = sh.dir, append(append(os.Environ(), asProgram+"=1"), sh.env...)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	said, err := cmd.CombinedOutput()
	if exit := (&exec.ExitError{}); err != nil && !errors.As(err, &exit) {
		sh.Fatal(err)
	}
	checkStderr(sh.T, args, string(said))
	return string(said)
}

// TestPermissions removes permissions on the daemon's files, one after the other, and checks each error.
func TestPermissions(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "keyseat-permissions-") //nolint:usetesting // another user must reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Chmod(dir, 0o700) //nolint:gosec // so that it can be removed
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keyseatd"), program, 0o755); err != nil { //nolint:gosec // another user runs it
		t.Fatal(err)
	}
	sh := shell{t, dir, []string{"KEYSEAT_DATABASE=sqlite:keyseat.db"}}
	if said := sh.unprivileged("migrate"); said != "the schema is up to date\n" {
		t.Fatal(said)
	}
	const (
		serve  = "serve --connector https://127.0.0.1:1 --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0"
		remedy = "; the user that runs keyseatd must own it, or be allowed to read and write it and its folder\n"
	)
	for _, c := range []struct {
		name string
		mode os.FileMode
		line string
		want string
	}{
		{"keyseat.db", 0, "stock", "cannot open " + dir + "/keyseat.db: permission denied" + remedy},
		{"keyseat.db", 0o400, "stock", "cannot open " + dir + "/keyseat.db: permission denied" + remedy},
		{"keyseat.db-migrate", 0, "stock", "cannot open " + dir + "/keyseat.db-migrate: permission denied" + remedy},
		{"keyseat.db-lock", 0, serve, "cannot open " + dir + "/keyseat.db-lock: permission denied" + remedy},
		{".", 0o500, "stock", "the database cannot be written (SQLite " + dir + "/keyseat.db, open, SQLITE_READONLY_DIRECTORY); " +
			"the user that runs keyseatd must be allowed to write the file and its folder\n"},
	} {
		path := filepath.Join(dir, c.name)
		if f, err := os.OpenFile(path, os.O_CREATE, 0o600); err == nil { // the lock file of serve does not exist yet
			_ = f.Close()
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if said := sh.unprivileged(strings.Fields(c.line)...); said != "keyseatd: "+c.want {
			t.Errorf("%s with mode %o: %s\ngot  %swant keyseatd: %s", c.name, c.mode, c.line, said, c.want)
		}
		if err := os.Chmod(path, 0o600|os.FileMode(map[bool]int{true: 0o100}[c.name == "."])); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAFullDisk imports into a small file system until it is full.
func TestAFullDisk(t *testing.T) {
	sh := newFailingShell(t, "sqlite:disk/keyseat.db")
	if err := os.Mkdir("disk", 0o700); err != nil {
		t.Fatal(err)
	}
	switch err := syscall.Mount("keyseat", "disk", "tmpfs", 0, "size=1m"); {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		t.Skip("SKIPPED, NOTHING WAS TESTED: a small file system is needed, and only root may mount one")
	case err != nil:
		t.Fatal(err)
	}
	disk := filepath.Join(sh.dir, "disk")
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	out, said, status := sh.run(keysCSV("code", 60_000), "keys", "import", "-")
	want := "keyseatd: the disk is full (SQLite " + disk + "/keyseat.db, import, SQLITE_FULL); free some space"
	if status != exitFailed || out != "" || !strings.HasPrefix(said, want) || strings.Count(said, "\n") != 1 {
		t.Errorf("status %d, %s%s", status, out, said)
	}
	if err := os.WriteFile("disk/hog", make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	for line, want := range map[string]string{
		"master-key add disk/key":                          "key ring: cannot write disk/key.new: no space left on device",
		"admin-token add disk/tokens --name a --role read": "admin tokens: cannot write disk/tokens: no space left on device",
	} {
		sh.failsWith(exitFailed, want, line)
	}
	if err := syscall.Mount("keyseat", "disk", "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	sh.failsWith(exitFailed, "cannot open "+disk+"/keyseat.db: read-only file system", "stock")
}
