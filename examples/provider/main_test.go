package main

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

const token = "a-token-of-some-length"

// start runs the service with a ledger until the test ends or stop is called.
func start(t testing.TB, p provider, path string) (s *service, base string, stop func()) {
	t.Helper()
	l, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	s = newService(token, l, p)
	s.maxWait = 200 * time.Millisecond
	server := httptest.NewServer(s)
	stop = func() {
		server.Close()
		s.stop()
		_ = l.Close()
	}
	t.Cleanup(stop)
	return s, server.URL, stop
}

func connect(t testing.TB, base, token string) *httpconnector.Connector {
	t.Helper()
	c, err := httpconnector.New(base, httpconnector.Options{Token: tasks.NewSecret(token)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestContract checks that the HTTP connector with this service keeps the contract of connectors.
func TestContract(t *testing.T) {
	connectortest.Run(t, func(t testing.TB) connectortest.Subject {
		fast := new(simulated)
		_, base, _ := start(t, fast, filepath.Join(t.TempDir(), "fast"))
		_, slow, _ := start(t, &simulated{duration: time.Hour}, filepath.Join(t.TempDir(), "slow"))
		return connectortest.Subject{
			Connector: connect(t, base, token), Slow: connect(t, slow, token), Effects: fast.count,
			Login: func(_ tasks.Kind, o tasks.Outcome) string { return string(o) + "@example.com" },
		}
	})
}

// TestProtocol checks that the service passes the checks of `keyseatd connector test`.
func TestProtocol(t *testing.T) {
	_, base, _ := start(t, new(simulated), filepath.Join(t.TempDir(), "ledger"))
	wantProtocol(t, connect(t, base, token))
}

// wantProtocol checks that a service passes the checks of `keyseatd connector test`.
func wantProtocol(t *testing.T, c *httpconnector.Connector) {
	t.Helper()
	accounts := map[tasks.Outcome]string{tasks.Success: "success@example.com", tasks.AccountLocked: "account_locked@example.com"}
	for check := range c.TestService(t.Context(), httpconnector.ServiceTest{Deadline: time.Minute, Logins: accounts}) {
		if check.Verdict != httpconnector.Passed {
			t.Errorf("%+v", check)
		}
	}
}

// TestCrash interrupts work and damages the end of the ledger. Then it repeats the request at two further
// services. The first one carries out the work, and the second one returns the stored answer.
func TestCrash(t *testing.T) {
	path, slow, o := filepath.Join(t.TempDir(), "ledger"), &simulated{duration: time.Hour}, connectortest.NewRequest(tasks.Upgrade, "wrong_address@example.com")
	_, base, stop := start(t, slow, path)
	if a := connect(t, base, token).Do(t.Context(), o); a.Effect != tasks.Pending || a.RetryAfter != time.Second {
		t.Errorf("in progress: %+v", a)
	}
	stop()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.WriteString(`{"key":"torn`)
	_ = file.Close()
	fast, notCalled := new(simulated), new(simulated)
	for _, p := range []*simulated{fast, notCalled} {
		_, base, stop = start(t, p, path)
		if a := connect(t, base, token).Do(t.Context(), o); a.Effect != tasks.Settled || a.Outcome != tasks.WrongAddress {
			t.Errorf("after a crash: %+v", a)
		}
		stop()
	}
	if n, again := fast.count(o.IdempotencyKey()), notCalled.count(o.IdempotencyKey()); n != 1 || again != 0 {
		t.Errorf("it was done %d times, and %d times again", n, again)
	}
	text, err := os.ReadFile(path)
	if what := connectortest.FindLeak(string(text), o.Account); err != nil || what != "" {
		t.Errorf("the ledger holds the %s: %v", what, err)
	}
}

// TestInvalidRequests sends invalid requests.
func TestInvalidRequests(t *testing.T) {
	s, base, _ := start(t, new(simulated), filepath.Join(t.TempDir(), "ledger"))
	o := connectortest.NewRequest(tasks.Upgrade, "a@example.com")
	if a := connect(t, base, "another").Do(t.Context(), o); a.Effect != tasks.None || a.Note != "status 401" {
		t.Errorf("another token: %+v", a)
	}
	good := connect(t, base, token)
	good.Do(t.Context(), o)
	other := o
	other.Plan.ID = "another"
	if a := good.Do(t.Context(), other); a.Effect != tasks.Refused {
		t.Errorf("another order with the same key: %+v", a)
	}
	_ = s.ledger.Close() // as with a full disk, writes fail
	if a := good.Do(t.Context(), connectortest.NewRequest(tasks.Renew, "a@example.com")); a.Effect != tasks.None {
		t.Errorf("without a ledger: %+v", a)
	}
	for _, r := range []*http.Request{
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/upgrade", nil),
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/renew", strings.NewReader(`{"kind":"upgrade"}`)),
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/upgrade", strings.NewReader(`{`)),
	} {
		w := httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", "k")
		if s.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
			t.Errorf("%s %s: %d", r.Method, r.URL, w.Code)
		}
	}
}

// TestWithKeyseatd uses the real daemon. The work takes longer than a request waits.
func TestWithKeyseatd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// go test reuses a cached result unless a file that the test itself read has changed. The test does not
	// read the sources that the go command builds.
	if err := filepath.WalkDir("../..", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	binary := filepath.Join(folder, "keyseatd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", binary, "../../daemon/keyseatd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	work := &simulated{duration: 500 * time.Millisecond}
	_, base, _ := start(t, work, filepath.Join(folder, "ledger"))
	if err := os.WriteFile(filepath.Join(folder, "token"), []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(stdin string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Dir, cmd.Stdin, cmd.Env = folder, strings.NewReader(stdin), []string{"KEYSEAT_LISTEN=127.0.0.1:0", "KEYSEAT_ADMIN_LISTEN=127.0.0.1:0"}
		return cmd
	}
	for stdin, args := range map[string][]string{
		"id,country,slots,address\np1,US,2,1 Main Street\n": {"plans", "import", "-"},
		"code\nMY-KEY\n": {"keys", "import", "-"},
	} {
		if out, err := command(stdin, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	serve := command("", "serve", "--connector", base, "--connector-token-file", "token", "--log-format", "json", "--task-backoff", "50ms")
	c := startDaemon(t, serve)
	account := tasks.Account{Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("p")}
	if err := c.Upgrade(ctx, "MY-KEY", account, "US"); err != nil {
		t.Fatal(err)
	}
	info, err := c.Wait(ctx, "MY-KEY")
	if err != nil || info.Status != keys.Success || info.Username != "member of p1" || info.VerifyAddress != "1 Main Street" || len(work.done) != 1 {
		t.Errorf("%+v, %v, done %v", info, err, work.done)
	}
}

var listenAddress = regexp.MustCompile(`"listen":"([^"]+)"`)

// startDaemon starts a daemon, which ends with the test, and reads its address from its log.
func startDaemon(t *testing.T, serve *exec.Cmd) *client.Client {
	t.Helper()
	log, err := serve.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	})
	text, piece := "", make([]byte, 4096)
	for !listenAddress.MatchString(text) {
		n, err := log.Read(piece)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		text += string(piece[:n])
	}
	c, err := client.New("http://"+listenAddress.FindStringSubmatch(text)[1], client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
