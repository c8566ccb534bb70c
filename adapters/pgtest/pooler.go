package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pooler is a shell script that runs PgBouncer until its own stdin ends. That happens also if the test binary dies.
const pooler = `
log=$1; shift
exec 3<&0 # because a command in the background has no stdin
"$@" >>"$log" 2>&1 </dev/null 3<&- &
read -r word <&3
kill -TERM $!
wait
`

// Pooler starts a PgBouncer in front of the server of the URL target, and returns the URL that leads through
// PgBouncer. The settings are lines of the section [pgbouncer] of its configuration, such as "pool_mode =
// transaction". PgBouncer stops when the test ends. The target must name a user, and must not need a password.
func Pooler(t testing.TB, target string, settings ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	switch {
	case err == nil:
	case Required():
		t.Fatal(installPooler)
	default:
		t.Skip("SKIPPED, NOTHING WAS TESTED: " + installPooler)
	}
	through, err := startPooler(t, program, target, settings)
	if err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	return through
}

const installPooler = "no PgBouncer was found; install it (apt-get install pgbouncer, or brew install pgbouncer)"

func startPooler(t testing.TB, program, target string, settings []string) (through string, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "keyseat-pgbouncer-") //nolint:usetesting // a folder of the test is closed to other users
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) }) // the operating system cleans its temporary folder too
	port, err := freePort()
	if err != nil {
		return "", err
	}
	config := append([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%s user=%s", u.Hostname(), u.Port(), u.User.Username()),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprint("listen_port = ", port), "unix_socket_dir =", "auth_type = any",
	}, settings...)
	file, log := filepath.Join(folder, "pgbouncer.ini"), filepath.Join(folder, "log")
	err = errors.Join(os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o644), own(folder), //nolint:gosec // another user reads it
		keepPooler(t, log, program, file))
	if err != nil {
		return "", err
	}
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	return u.String(), answers(u.String(), log)
}

// keepPooler starts PgBouncer as a user other than root, because it refuses root.
func keepPooler(t testing.TB, log, program, file string) error {
	cmd := exec.Command("/bin/sh", "-c", pooler, "pooler", log, program, file) //nolint:noctx // it lives as long as its stdin
	cmd.Dir, cmd.SysProcAttr = os.TempDir(), unprivileged()
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	t.Cleanup(func() {
		_, _ = io.WriteString(stdin, "stop\n") // the script may have ended already
		_ = stdin.Close()
		_ = cmd.Wait() // its status has no meaning after the stop
	})
	return nil
}

// answers waits until the server responds through the pooler.
func answers(through, log string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := execute(context.Background(), through, "SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log) // without a log, the error holds no more
			return fmt.Errorf("%w: %s", err, text)
		}
	}
}
