package attacks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestMemoryIsNotDumped checks that a process gets no core dump, and that other processes of its user cannot read its
// memory. The files of the process in /proc then belong to root.
func TestMemoryIsNotDumped(t *testing.T) {
	t.Parallel()
	s := harness.NewShop(t)
	cmd, printed := s.Command("demo"), new(harness.LogBuffer)
	cmd.Stdout = printed
	if os.Geteuid() == 0 { // the process needs a user other than root, in a folder that this user can enter
		folder, err := os.MkdirTemp("/tmp", "keyseat-memory") //nolint:usetesting // a test's own folder is closed to others
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(folder) })
		cmd.Path, cmd.Dir = filepath.Join(folder, "keyseatd"), folder
		cmd.Env = append(cmd.Env, "TMPDIR="+folder)
		copyProgram(t, harness.Program(t), cmd.Path)
		if err := os.Chmod(folder, 0o777); err != nil { //nolint:gosec // see above
			t.Fatal(err)
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	d := s.StartCommand(cmd)
	s.Eventually("the demo prints its calls", func() bool { // while a process changes its user, its files belong to root too
		if d.HasEnded() {
			t.Fatalf("the demo ended with status %d: %s", d.ExitCode(), d.Logs.Tail())
		}
		return strings.Contains(printed.String(), "curl ")
	})
	info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if stat, is := info.Sys().(*syscall.Stat_t); !is || stat.Uid != 0 {
		t.Errorf("the memory belongs to another user than root: %+v", info.Sys())
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil || !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("a core dump has no limit: %v\n%s", err, limits)
	}
}

// copyProgram copies a program in a process of its own. If this process had the copy open for writing, a process that
// another test starts meanwhile could inherit the open file, and the system refuses to run such a file.
func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(to, 0o755); err != nil { //nolint:gosec // another user runs it
		t.Fatal(err)
	}
}
