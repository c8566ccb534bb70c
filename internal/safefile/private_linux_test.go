package safefile_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/keyseat/keyseat/internal/safefile"
)

// newFolder makes a folder that every user can enter. The temporary folder of a test is closed to other users.
func newFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "safefile") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	change(t, dir, 0o755)
	return dir
}

func change(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func newFile(t *testing.T, path string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	change(t, path, mode)
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// accepted reports whether Check accepts a file. As root it also reads the file as a user that is neither the owner
// nor in the group. Check must not accept a file that this user can read.
func accepted(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	ok := safefile.CheckPrivate(path, info) == nil
	if os.Geteuid() == 0 {
		other := exec.CommandContext(t.Context(), "cat", path)
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if readable := other.Run() == nil; readable && ok {
			t.Errorf("another user can read %s, and it is accepted", path)
		}
	}
	return ok
}

// TestModes checks that a file is accepted if its mode or a folder above it excludes other users.
func TestModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, folder os.FileMode
		want         bool
	}{
		{0o600, 0o755, true},
		{0o400, 0o755, true},
		{0o440, 0o755, true},
		{0o640, 0o777, true},
		{0o660, 0o755, false},
		{0o620, 0o700, false}, // a closed folder may be open to the group
		{0o444, 0o755, false},
		{0o644, 0o711, false},
		{0o604, 0o755, false},
		{0o444, 0o700, true},
		{0o644, 0o750, true},
		{0o644, 0o754, true}, // other users can list the folder but open nothing in it
		{0o646, 0o700, false},
		{0o602, 0o755, false},
		{0o602, 0o700, false},
	} {
		dir := newFolder(t)
		below := filepath.Join(dir, "closed", "open")
		must(t, os.MkdirAll(below, 0o755)) //nolint:gosec // others can enter it
		change(t, below, 0o755)
		change(t, filepath.Dir(below), c.folder)
		for _, path := range []string{filepath.Join(filepath.Dir(below), "secret"), filepath.Join(below, "secret")} {
			if got := accepted(t, newFile(t, path, c.file)); got != c.want {
				t.Errorf("a file of mode %o below a folder of mode %o: %v", c.file, c.folder, got)
			}
		}
	}
}

// TestNames checks that a symbolic link counts as its target. A file with a second hard link counts as open.
func TestNames(t *testing.T) {
	t.Parallel()
	dir := newFolder(t)
	closed := filepath.Join(dir, "closed")
	must(t, os.Mkdir(closed, 0o700))
	inside, outside := newFile(t, filepath.Join(closed, "secret"), 0o644), newFile(t, filepath.Join(dir, "secret"), 0o644)
	must(t, os.Symlink(inside, filepath.Join(dir, "in")))
	must(t, os.Symlink(outside, filepath.Join(closed, "out")))
	if !accepted(t, filepath.Join(dir, "in")) {
		t.Error("a link to a file in a closed folder is refused")
	}
	if accepted(t, filepath.Join(closed, "out")) {
		t.Error("a link in a closed folder to a file that others can read is accepted")
	}
	must(t, os.Link(inside, filepath.Join(dir, "hard")))
	if accepted(t, inside) {
		t.Error("a file with another name in an open folder is accepted")
	}
}

// TestOpenReplacedKeepsTheMode checks that a file of mode 0400 can be overwritten by its owner, and keeps its mode.
func TestOpenReplacedKeepsTheMode(t *testing.T) {
	t.Parallel()
	path := newFile(t, filepath.Join(newFolder(t), "secret"), 0o400)
	done := make(chan error, 1)
	go func() { done <- overwriteAsOwner(path) }()
	must(t, <-done)
	text, err := os.ReadFile(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o400 || string(text) != strings.Repeat("\x00", len("secret")) {
		t.Errorf("mode %o, %q", info.Mode(), text)
	}
}

// overwriteAsOwner overwrites a file with the rights of a user other than root, because root needs no change of the
// mode. The caller's goroutine must end with this call, since its thread keeps those rights.
func overwriteAsOwner(path string) error {
	if os.Geteuid() == 0 {
		const nobody = 65534
		if err := os.Chown(path, nobody, nobody); err != nil {
			return err
		}
		runtime.LockOSThread() // so that the thread ends with the goroutine
		if err := unix.Setfsuid(nobody); err != nil {
			return err
		}
	}
	f, err := safefile.OpenReplaced(path)
	if err != nil {
		return err
	}
	return errors.Join(safefile.Overwrite(f), f.Close())
}

// TestWorkingFolder checks that a relative path is relative to the working folder.
func TestWorkingFolder(t *testing.T) {
	dir := newFolder(t)
	t.Chdir(dir)
	newFile(t, "secret", 0o644)
	if accepted(t, "secret") {
		t.Error("a file in an open folder is accepted")
	}
	change(t, dir, 0o700)
	if !accepted(t, "secret") {
		t.Error("a file in a closed folder is refused")
	}
}

// TestMounts checks that a file on a read-only mount in memory is accepted, because containers get their secrets on
// such mounts. A file on any other mount is not accepted.
func TestMounts(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only root may mount")
	}
	dir, disk := newFolder(t), newFolder(t)
	check := func(what string, want bool) {
		t.Helper()
		path := filepath.Join(dir, "secret")
		info, err := os.Stat(path)
		must(t, err)
		if err := safefile.CheckPrivate(path, info); (err == nil) != want {
			t.Errorf("a file on %s: %v", what, err)
		}
	}
	mount := func(source, kind string, flags uintptr) {
		t.Helper()
		if err := unix.Mount(source, dir, kind, flags, ""); err != nil {
			t.Fatal(fmt.Errorf("mount: %w", err))
		}
	}
	mount("tmpfs", "tmpfs", 0)
	unmounted := false
	defer func() {
		if !unmounted {
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
	}()
	change(t, dir, 0o755)
	newFile(t, filepath.Join(dir, "secret"), 0o444)
	check("a mount in memory that can be written", false)
	mount("tmpfs", "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY)
	check("a read-only mount in memory", true)
	must(t, unix.Unmount(dir, 0))
	newFile(t, filepath.Join(disk, "secret"), 0o444)
	mount(disk, "", unix.MS_BIND)
	mount("", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY)
	check("a read-only mount of a disk", false)
	must(t, unix.Unmount(dir, 0))
	unmounted = true
}
