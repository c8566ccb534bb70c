//go:build unix

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// languages has the command of the short service in each language. PORT stands for the port.
var languages = map[string][]string{
	"go":     {"./service"},
	"python": {"python3", "service.py"},
	"php":    {"php", "-S", "127.0.0.1:PORT", "service.php"},
	"node":   {"node", "service.mjs"},
}

// TestLanguages runs the short service in each language. Each must keep the protocol, and carry out an upgrade for the engine.
func TestLanguages(t *testing.T) {
	for language, command := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			connector := startService(t, folder, language, command)
			wantProtocol(t, connector)
			upgrade(t, connector)
			wantNoSecret(t, folder)
		})
	}
}

// startService starts the service of a language in a folder, until the test ends.
func startService(t *testing.T, folder, language string, command []string) *httpconnector.Connector {
	t.Helper()
	source, err := filepath.Abs(language)
	if err != nil {
		t.Fatal(err)
	}
	if language == "go" {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-w", "-o", filepath.Join(folder, "service"), "./go").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		source = folder
	} else {
		pgtest.LookPath(t, command[0])
	}
	if err := os.WriteFile(filepath.Join(folder, "token"), []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	var args []string
	for _, arg := range command[1:] {
		args = append(args, strings.ReplaceAll(arg, "PORT", port))
	}
	cmd := exec.CommandContext(t.Context(), command[0], args...) //nolint:gosec // one of the table
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "PORT="+port, "TOKEN_FILE="+folder+"/token", "ANSWERS="+folder+"/answers", "PHP_CLI_SERVER_WORKERS=8")
	serveProcess(t, cmd)
	return connect(t, "http://127.0.0.1:"+port, token)
}

// serveProcess starts a server, and returns when it listens. The process and its children end with the test.
func serveProcess(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "listening on") || strings.HasSuffix(lines.Text(), "started") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // otherwise the server would wait for a reader of its log
			return
		}
		t.Log(lines.Text())
	}
	t.Fatal("the service did not start")
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// upgrade carries out one upgrade through the API, the engine and the connector.
func upgrade(t *testing.T, connector tasks.Connector) {
	t.Helper()
	store := memory.New(time.Now)
	address, plan := "1 Main Street", stock.NewPlanEdit("p1", "US", 1)
	plan.Address = &address
	if err := store.EditPlans(t.Context(), []stock.PlanEdit{plan}); err != nil {
		t.Fatal(err)
	}
	batch := adminstore.ImportBatch{ID: "b", Type: tasks.EventIssued}
	if err := store.ImportKeys(t.Context(), batch, adminstore.Rows(keys.Key{Code: "MY-KEY", Status: keys.Active})); err != nil {
		t.Fatal(err)
	}
	engine := daemon.NewEngine(store, connector, keyring.New([keyring.KeySize]byte{1}), tasks.DefaultRules())
	pool := worker.New(engine)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx, time.Second) }()
	api := &daemon.API{Engine: engine, Wake: pool.Wake}
	mux := http.NewServeMux()
	api.Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Upgrade(ctx, "MY-KEY", tasks.Account{Login: tasks.NewSecret("success@example.com"), Password: tasks.NewSecret("p")}, "US"); err != nil {
		t.Fatal(err)
	}
	info, err := c.Wait(ctx, "MY-KEY")
	if err != nil || info.Status != keys.Success || info.Username != "member of p1" || info.VerifyAddress != address {
		t.Errorf("%+v, %v", info, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// wantNoSecret checks that the service has stored answers, and no login and no password.
func wantNoSecret(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "answers", "*"))
	if err != nil || len(files) == 0 {
		t.Errorf("no answer is stored: %v", err)
	}
	account := tasks.Account{Login: tasks.NewSecret("success@example.com"), Password: tasks.NewSecret("made-up-")}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if what := connectortest.FindLeak(string(text), account); err != nil || what != "" {
			t.Errorf("%s has the %s: %v", file, what, err)
		}
	}
}
