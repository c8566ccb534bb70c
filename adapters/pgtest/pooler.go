package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Pooler starts a PgBouncer that connects clients with the server of the URL target. It returns that URL with the
// address of PgBouncer. The settings are lines of the section [pgbouncer] of its configuration, such as
// "pool_mode = transaction". PgBouncer stops when the test ends. The URL target must name a user, and the server must
// not ask for a password.
func Pooler(t testing.TB, target string, settings ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		skipOrFail(t, "no PgBouncer was found; install it (apt-get install pgbouncer, or brew install pgbouncer)")
	}
	pooled, err := startPooler(t, program, target, settings)
	if err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	return pooled
}

func startPooler(t testing.TB, program, target string, settings []string) (pooled string, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "keyseat-pgbouncer-") //nolint:usetesting // other users cannot read t.TempDir()
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) }) // the operating system cleans its temporary folder anyway
	port, err := freePort()
	if err != nil {
		return "", err
	}
	config := append([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%s user=%s", u.Hostname(), u.Port(), u.User.Username()),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprint("listen_port = ", port), "unix_socket_dir =", "auth_type = any",
	}, settings...)
	file, log := filepath.Join(folder, "pgbouncer.ini"), filepath.Join(folder, "log")
	err = errors.Join(os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o644), chownToServer(folder)) //nolint:gosec // PgBouncer may run as another user
	if err != nil {
		return "", err
	}
	s, err := supervise(supervisePgBouncer, log, program, file)
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { s.stop("") })
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	return u.String(), waitForPooler(u.String(), log)
}

// waitForPooler waits until the server responds through the pooler.
func waitForPooler(through, log string) error {
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := execute(context.Background(), through, "SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log) // without a log, the error has no details
			return fmt.Errorf("%w: %s", err, text)
		}
	}
}
