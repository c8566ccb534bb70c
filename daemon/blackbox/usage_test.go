package blackbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// fails runs serve with those flags, which must end it with that status and one line on standard
// error that has all those words.
func (s *shop) fails(code int, words []string, flags ...string) {
	s.Helper()
	started := time.Now()
	r := s.cli(append([]string{"serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-level=error"}, flags...)...)
	line := strings.TrimSuffix(r.err, "\n")
	if r.code != code || line == "" || strings.Contains(line, "\n") || r.out != "" {
		s.Errorf("serve %v: status %d, not %d\n%s%s", flags, r.code, code, r.out, r.err)
	}
	for _, word := range words {
		if !strings.Contains(line, word) {
			s.Errorf("serve %v says nothing of %s: %s", flags, word, line)
		}
	}
	if strings.Contains(line, "s3cret") {
		s.Errorf("a secret is told: %s", line)
	}
	if took := time.Since(started); took > 20*time.Second {
		s.Errorf("serve %v took %s to fail", flags, took)
	}
}

// TestWrongCalls holds that a wrong call has status 2 and names its flag.
func TestWrongCalls(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fails(2, []string{"--connector", "missing"})
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
		s.fails(2, []string{name}, "--connector=sim", flag)
	}
	s.fails(2, []string{"--no-such-flag"}, "--connector=sim", "--no-such-flag")
	s.fails(2, nil, "--connector=sim", "an-argument")
	for _, args := range [][]string{nil, {"no-such-command"}, {"keys"}, {"keys", "generate"}, {"keys", "generate", "--count", "0"}, {"plans", "list", "--output", "yaml"}, {"tasks", "resolve", "x", "--outcome", "eaten"}} {
		if r := s.cli(args...); r.code != 2 || r.err == "" {
			s.Errorf("keyseatd %v: %+v", args, r)
		}
	}
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"--version"}} {
		if r := s.cli(args...); r.code != 0 || r.out == "" || r.err != "" {
			s.Errorf("keyseatd %v: %+v", args, r)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.folder, "*")); len(left) != 0 {
		s.Errorf("wrong calls left %v", left)
	}
}

// TestFailuresToServe holds that what cannot be served has status 1 and one line that says why.
func TestFailuresToServe(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // it has served
	bad, missing := filepath.Join(s.folder, "bad"), filepath.Join(s.folder, "missing")
	if err := os.WriteFile(bad, []byte("s3cret\n\nno key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(1, []string{"listen"}, "--connector=sim", "--listen="+taken.Addr().String())
	s.fails(1, []string{"admin-listen"}, "--connector=sim", "--admin-listen="+taken.Addr().String())
	s.fails(1, nil, "--connector=sim", "--master-key-file="+missing)
	s.fails(1, nil, "--connector=sim", "--master-key-file="+bad)
	s.fails(1, nil, "--connector=sim", "--master-key-file="+s.folder)
	s.fails(1, []string{"--connector-token-file"}, "--connector=https://example.com", "--connector-token-file="+missing)
	s.fails(1, []string{"--connector-token-file"}, "--connector=https://example.com", "--connector-token-file="+bad)
	s.fails(1, []string{"--tls-cert"}, "--connector=sim", "--tls-cert="+bad, "--tls-key="+bad)
	s.fails(1, nil, "--connector=sim", "--database=sqlite:"+filepath.Join(missing, "keyseat.db"))
	s.fails(1, nil, "--connector=sim", "--database=sqlite:"+bad)
	s.fails(1, nil, "--connector=sim", "--database=sqlite:"+s.folder)
	unreachable := "postgres://keyseat:s3cret@" + closedPort(s) + "/keyseat?sslmode=disable"
	keyFile := filepath.Join(s.folder, "keys")
	s.must("master-key", "add", keyFile)
	s.fails(1, nil, "--connector=sim", "--database="+unreachable, "--master-key-file="+keyFile)
	for _, args := range [][]string{{"migrate"}, {"keys", "export"}, {"stock"}} {
		if r := s.cli(append(args, "--database="+unreachable)...); r.code != 1 || strings.Contains(r.err, "s3cret") || strings.Count(r.err, "\n") != 1 {
			s.Errorf("keyseatd %v: %+v", args, r)
		}
	}
}

func TestPostgresNeedsMasterKeys(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.database = pgtest.URL(t)
	s.fails(2, []string{"--master-key-file"}, "--connector=sim")
	empty := filepath.Join(s.folder, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(1, nil, "--connector=sim", "--master-key-file="+empty)
}

// TestAnSQLiteFileHasOneDaemon holds that a second one is told so, and that commands may run beside.
func TestAnSQLiteFileHasOneDaemon(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	d := s.serve()
	s.fails(1, nil, "--connector=sim")
	s.fresh("K")
	d.info("K")
	d.kill()
	d = s.serve()
	d.stop()
	info, err := os.Stat(filepath.Join(s.folder, "keyseat.db.master-key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the master key file that serve made: %v %v", info, err)
	}
}

// TestPlaintext holds that http:// leaves the machine only if the operator wants it to.
func TestPlaintext(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	for _, base := range []string{"http://192.0.2.1", "http://connector.example:8080/base", "http://127.0.0.1.example.com", "http://0.0.0.0"} {
		s.fails(2, []string{"--connector"}, "--connector="+base)
	}
	for _, flags := range [][]string{
		{"--connector=http://192.0.2.1", "--connector-plaintext"},
		{"--connector=http://localhost:1/base/"},
		{"--connector=http://[::1]:1"},
		{"--connector=https://connector.example"},
		{"--connector=sim"},
	} {
		s.serve(flags...).stop()
	}
}

// TestFlagsFromTheEnvironment serves with no flag at all.
func TestFlagsFromTheEnvironment(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.env = []string{
			"KEYSEAT_CONNECTOR=" + s.provider.URL, "KEYSEAT_LISTEN=127.0.0.1:0", "KEYSEAT_ADMIN_LISTEN=127.0.0.1:0",
			"KEYSEAT_LOG_FORMAT=json", "KEYSEAT_MASTER_KEY_FILE=" + s.keyFile, "KEYSEAT_UNKNOWN_KEY_LIMIT=1",
			"KEYSEAT_TASK_ATTEMPTS=1", "KEYSEAT_NO_GET_SECRETS=true", "KEYSEAT_TRUSTED_PROXIES=127.0.0.1,::1", "KEYSEAT_LEASE=",
		}
		s.fresh("K")
		s.importPlans("p,US,1,,")
		d := s.launch("serve")
		d.awaitReady()
		d.is(d.from("192.0.2.1", "info=a"), 200, notExist)
		d.limited(d.from("192.0.2.1", "info=a"), 60)
		d.is(d.from("192.0.2.2", "info=a"), 200, notExist)
		d.notAllowed(call{"GET", "/API/?" + upgrade("K", "l", "US"), "", nil, 405}, "POST")
		d.accepted(upgrade("K", "500@example.com", "US"))
		d.endsAs("K", "failed_upgrade", messages["system_error"])
		if n := len(s.provider.Requests()); n != 1 {
			s.Errorf("asked %d times", n)
		}
		d.stop()
		if r := s.cli("serve", "--task-attempts=0"); r.code != 2 { // the command line wins
			s.Errorf("serve: %+v", r)
		}
		s.env = append(s.env, "KEYSEAT_WORKERS=none")
		if r := s.cli("serve"); r.code != 2 || !strings.Contains(r.err, "--workers") {
			s.Errorf("serve: %+v", r)
		}
	})
}

// TestMigrateAtOnce holds that any number of them at once is safe.
func TestMigrateAtOnce(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		const n = 6
		codes := make(chan string, n)
		for range n {
			cmd := s.command("migrate")
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
		s.serve().stop()
	})
}
