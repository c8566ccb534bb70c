package operator_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// expectServeError runs serve with flags. It must end with the status, and with one line on standard error that has
// all texts.
func expectServeError(s *harness.Shop, code int, words []string, flags ...string) {
	s.Helper()
	started := time.Now()
	r := s.Exec(append([]string{"serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-level=error"}, flags...)...)
	line := strings.TrimSuffix(r.Err, "\n")
	if r.Code != code || line == "" || strings.Contains(line, "\n") || r.Out != "" {
		s.Errorf("serve %v: status %d, not %d\n%s%s", flags, r.Code, code, r.Out, r.Err)
	}
	for _, word := range words {
		if !strings.Contains(line, word) {
			s.Errorf("the error of serve %v lacks %s: %s", flags, word, line)
		}
	}
	if strings.Contains(line, "s3cret") {
		s.Errorf("the error has a secret: %s", line)
	}
	if took := time.Since(started); took > 20*time.Second {
		s.Errorf("serve %v took %s to fail", flags, took)
	}
}

// TestUsageErrors checks that a wrong call exits with 2, and that the message names the wrong flag.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	expectServeError(s, 2, []string{"--connector", "missing"})
	for _, flag := range []string{
		"--connector=", "--connector=example.com", "--connector=ftp://example.com", "--connector=http://example.com",
		"--connector=https://user:s3cret@example.com/", "--connector=https://example.com/?token=s3cret", "--connector=https://",
		"--database=mysql://root:s3cret@localhost/x", "--database=sqlite:", "--database=keyseat.db",
		"--listen=8080", "--listen=nowhere:http:x", "--listen=127.0.0.1:65536", "--listen=127.0.0.1:x", "--admin-listen=x",
		"--tls-cert=x", "--tls-key=x",
		"--connector-timeout=0", "--connector-timeout=soon", "--connector-timeout=-1s",
		"--workers=0", "--workers=-1", "--workers=many", "--task-attempts=0", "--task-attempts=x",
		"--task-backoff=0", "--task-backoff=3m", "--task-backoff=1", "--task-deadline=0", "--task-deadline=-1s",
		"--lease=0", "--lease=10", "--drain=0", "--drain=x", "--sim-delay=-1s",
		"--unknown-key-limit=-1", "--unknown-key-limit=x", "--key-task-limit=-1", "--key-task-limit=1.5",
		"--trusted-proxies=example.com", "--trusted-proxies=10.0.0.0/33", "--trusted-callers=10.0.0", "--trusted-callers=::1,x",
		"--log-level=loud", "--log-format=xml", "--no-get-secrets=perhaps",
	} {
		name, _, _ := strings.Cut(flag, "=")
		if name == "--tls-cert" || name == "--tls-key" {
			name = "--tls-" // each needs the other
		}
		expectServeError(s, 2, []string{name}, "--connector=sim", flag)
	}
	expectServeError(s, 2, []string{"--no-such-flag"}, "--connector=sim", "--no-such-flag")
	expectServeError(s, 2, nil, "--connector=sim", "an-argument")
	for _, args := range [][]string{nil, {"no-such-command"}, {"keys"}, {"keys", "generate"}, {"keys", "generate", "--count", "0"}, {"plans", "list", "--output", "yaml"}, {"tasks", "resolve", "x", "--outcome", "eaten"}} {
		if r := s.Exec(args...); r.Code != 2 || r.Err == "" {
			s.Errorf("keyseatd %v: %+v", args, r)
		}
	}
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"--version"}} {
		if r := s.Exec(args...); r.Code != 0 || r.Out == "" || r.Err != "" {
			s.Errorf("keyseatd %v: %+v", args, r)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.Folder, "*")); len(left) != 0 {
		s.Errorf("wrong calls left %v", left)
	}
}

// TestServeErrors checks that a failure exits with 1, and prints one line with the cause.
func TestServeErrors(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Listen does not block
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // serve has failed
	bad, missing := filepath.Join(s.Folder, "bad"), filepath.Join(s.Folder, "missing")
	if err := os.WriteFile(bad, []byte("s3cret\n\nno key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expectServeError(s, 1, []string{"listen"}, "--connector=sim", "--listen="+taken.Addr().String())
	expectServeError(s, 1, []string{"admin-listen"}, "--connector=sim", "--admin-listen="+taken.Addr().String())
	expectServeError(s, 1, nil, "--connector=sim", "--master-key-file="+missing)
	expectServeError(s, 1, nil, "--connector=sim", "--master-key-file="+bad)
	expectServeError(s, 1, nil, "--connector=sim", "--master-key-file="+s.Folder)
	expectServeError(s, 1, []string{"--connector-token-file"}, "--connector=https://example.com", "--connector-token-file="+missing)
	expectServeError(s, 1, []string{"--connector-token-file"}, "--connector=https://example.com", "--connector-token-file="+bad)
	expectServeError(s, 1, []string{"--tls-cert"}, "--connector=sim", "--tls-cert="+bad, "--tls-key="+bad)
	expectServeError(s, 1, nil, "--connector=sim", "--database=sqlite:"+filepath.Join(missing, "keyseat.db"))
	expectServeError(s, 1, nil, "--connector=sim", "--database=sqlite:"+bad)
	expectServeError(s, 1, nil, "--connector=sim", "--database=sqlite:"+s.Folder)
	unreachable := "postgres://keyseat:s3cret@" + harness.ClosedPort(s) + "/keyseat?sslmode=disable"
	keyFile := filepath.Join(s.Folder, "keys")
	s.MustExec("master-key", "add", keyFile)
	expectServeError(s, 1, nil, "--connector=sim", "--database="+unreachable, "--master-key-file="+keyFile)
	for _, args := range [][]string{{"migrate"}, {"keys", "export"}, {"stock"}} {
		if r := s.Exec(append(args, "--database="+unreachable)...); r.Code != 1 || strings.Contains(r.Err, "s3cret") || strings.Count(r.Err, "\n") != 1 {
			s.Errorf("keyseatd %v: %+v", args, r)
		}
	}
}

func TestPostgresNeedsMasterKeys(t *testing.T) {
	t.Parallel()
	s := harness.NewShop(t)
	s.Database = pgtest.URL(t)
	expectServeError(s, 2, []string{"--master-key-file"}, "--connector=sim")
	empty := filepath.Join(s.Folder, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expectServeError(s, 1, nil, "--connector=sim", "--master-key-file="+empty)
}

// TestSQLiteFileHasOneDaemon checks that a second daemon on an SQLite file is refused, while commands may use the file.
func TestSQLiteFileHasOneDaemon(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	d := s.Serve()
	expectServeError(s, 1, nil, "--connector=sim")
	s.AddKeys("K")
	d.Info("K")
	d.Kill()
	d = s.Serve()
	d.Stop()
	info, err := os.Stat(filepath.Join(s.Folder, "master-key-keyseat-db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the master key file that serve made: %v %v", info, err)
	}
}

// TestPlaintextConnectorNeedsFlag checks that an http:// URL of a connector on another machine needs a flag.
func TestPlaintextConnectorNeedsFlag(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	for _, base := range []string{"http://192.0.2.1", "http://connector.example:8080/base", "http://127.0.0.1.example.com", "http://0.0.0.0"} {
		expectServeError(s, 2, []string{"--connector"}, "--connector="+base)
	}
	for _, flags := range [][]string{
		{"--connector=http://192.0.2.1", "--connector-plaintext"},
		{"--connector=http://localhost:1/base/"},
		{"--connector=http://[::1]:1"},
		{"--connector=https://connector.example"},
		{"--connector=sim"},
	} {
		s.Serve(flags...).Stop()
	}
}

// TestSimultaneousMigrations checks that several simultaneous migrations of one database all succeed.
func TestSimultaneousMigrations(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		const n = 6
		codes := make(chan string, n)
		for range n {
			cmd := s.Command("migrate")
			go func() {
				out, err := cmd.CombinedOutput()
				codes <- fmt.Sprint(err, string(out[:min(len(out), 300)]))
			}()
		}
		for range n {
			if got := <-codes; !strings.HasPrefix(got, "<nil>") {
				s.Errorf("migrate: %s", got)
			}
		}
		s.Serve().Stop()
	})
}
