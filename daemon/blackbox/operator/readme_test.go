package operator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// document returns the fenced block of a page that follows the comment with a mark. The page is README.md or a page of
// daemon/docs.
func document(t *testing.T, page, mark string) string {
	t.Helper()
	if page != "README.md" {
		page = "daemon/docs/" + page
	}
	text, err := os.ReadFile(filepath.Join(harness.Root, page))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "<!-- test: "+mark+" -->\n```")
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, ends := strings.Cut(rest, "```\n")
	if !found || !ends {
		t.Fatalf("%s has no block %q", page, mark)
	}
	return block
}

// runScript starts a script in the folder of the shop, with its environment.
func runScript(s *harness.Shop, script string) *harness.Daemon {
	s.Helper()
	path, err := filepath.Abs(harness.Root)
	if err != nil {
		s.Fatal(err)
	}
	script = strings.ReplaceAll(script, "go build ", "go build -C '"+path+"' ")
	script = strings.ReplaceAll(script, "-o keyseatd", "-o '"+s.Folder+"/keyseatd'")
	script = strings.ReplaceAll(script, "./keyseatd serve", "exec ./keyseatd serve") // so that a signal reaches keyseatd
	return s.StartCommand(shellCommand(s, script))
}

// shellCommand returns a command of the shop that runs a script.
func shellCommand(s *harness.Shop, script string) *exec.Cmd {
	cmd := s.Command()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-ec", script}
	return cmd
}

// freePorts are settings with which serve takes free ports, and logs them as JSON.
var freePorts = []string{"KEYSEAT_LISTEN=127.0.0.1:0", "KEYSEAT_ADMIN_LISTEN=127.0.0.1:0", "KEYSEAT_LOG_FORMAT=json"}

func TestREADMECalls(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.ImportPlans("p1,US,2,1 Main Street,i")
	key := strings.TrimSpace(s.MustExec("keys", "generate", "--count", "1"))
	d := s.Serve("--connector", "sim", "--sim-delay", "1h", "--drain", "1s")
	script := strings.ReplaceAll(document(t, "api.md", "api"), "http://127.0.0.1:8080", d.URL)
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(script, "curl ", "curl -sSw '\\n' "))
	cmd.Env = append(os.Environ(), "KEY="+key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := strings.Split(strings.TrimSpace(document(t, "api.md", "answers")), "\n")
	for i := range want {
		a, b := got[i], want[i]
		if i == 1 { // the key was bought just now
			a, b = upTo(a, `"purchase_date"`), upTo(b, `"purchase_date"`)
		}
		if a != b {
			t.Errorf("the page promises\n%s\nthe daemon answers\n%s", b, a)
		}
	}
}

func TestREADMEOrders(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	token := strings.TrimSpace(s.MustExec("admin-token", "add", "admin-tokens", "--name", "webshop", "--role", "write"))
	d := s.Serve("--admin-token-file", "admin-tokens")
	script := strings.ReplaceAll(document(t, "admin-api.md", "admin"), "http://127.0.0.1:8081", d.AdminURL)
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(script, "curl ", "curl -sS "))
	cmd.Env = append(os.Environ(), "TOKEN="+token)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"codes":[`) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestREADMEWebhooks(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	if err := os.WriteFile(filepath.Join(s.Folder, "hooks.json"), []byte(document(t, "webhooks.md", "hooks")), 0o600); err != nil {
		t.Fatal(err)
	}
	d := s.Serve("--webhook-file", "hooks.json")
	s.Eventually("the endpoint is listed", func() bool { return strings.Contains(s.MustExec("webhooks", "list"), "shop") })
	d.Stop()
}

func upTo(s, mark string) string {
	head, _, _ := strings.Cut(s, mark)
	return head
}

func TestREADMEOnSQLite(t *testing.T) {
	t.Parallel()
	s := harness.NewShop(t)
	s.Env = append(toolchain(t), freePorts...)
	s.Database = "" // the README's: keyseat.db in the folder
	writeToken(s)
	d := runScript(s, strings.ReplaceAll(document(t, "README.md", "real"), "https://your.service", s.Provider.URL))
	d.WaitReady()
	if got := d.Get("stock").Body; !strings.Contains(got, `"country_code":"US","slots":2`) {
		t.Errorf("stock is %s", got)
	}
	d.Stop()
}

// writeToken writes the token of the connector, which the README expects.
func writeToken(s *harness.Shop) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.Folder, "token"), []byte("0123456789abcdef\n"), 0o600); err != nil {
		s.Fatal(err)
	}
}

// linkProgram makes ./keyseatd in the shop's folder.
func linkProgram(s *harness.Shop) {
	s.Helper()
	if err := os.Symlink(harness.Program(s.T), filepath.Join(s.Folder, "keyseatd")); err != nil {
		s.Fatal(err)
	}
}

func TestREADMEOnPostgres(t *testing.T) {
	t.Parallel()
	s := harness.NewShop(t)
	s.Env, s.Database = freePorts, ""
	linkProgram(s)
	script := strings.NewReplacer(
		"postgres://keyseat@127.0.0.1:5432/keyseat", pgtest.URL(t),
		"openssl rand -hex 32", "echo 0123456789abcdef",
		"https://your.service", s.Provider.URL,
	).Replace(document(t, "operations.md", "postgres"))
	d := runScript(s, script)
	d.WaitReady()
	d.Stop()
}

// TestREADMEEmbeds checks that the example program contains the snippet of the README. The example has a test of its
// own.
func TestREADMEEmbeds(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(harness.Root, "examples/embed/main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if block := document(t, "README.md", "embed"); strings.TrimSpace(block) == "" || !strings.Contains(string(example), block) {
		t.Error("the snippet does not stand in examples/embed/main.go as it is")
	}
}

// TestExamplesMountBothPaths checks that examples and documents use API.Register. If a program mounts only /API/, its
// mux redirects /API and repeats the password of the query in a URL.
func TestExamplesMountBothPaths(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(harness.Root, "examples/*/*.go"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	registers := 0
	for _, path := range append(files, filepath.Join(harness.Root, "README.md"), filepath.Join(harness.Root, "daemon/example_test.go"), filepath.Join(harness.Root, "daemon/client/example_test.go")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `Handle("/API`) {
			t.Errorf("%s mounts the API without Register", path)
		}
		registers += strings.Count(string(text), "api.Register(mux)")
	}
	if registers < 8 {
		t.Errorf("only %d places register the API", registers)
	}
}

// TestREADMECommands runs the README's command for the demo. The README's other command, make test, runs this test.
func TestREADMECommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(harness.Root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"go run ./daemon/keyseatd demo", "make test"} {
		if !strings.Contains(string(text), "```sh\n"+command+"\n```") {
			t.Errorf("the README does not say %q", command)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "make", "-C", harness.Root, "-n", "test").CombinedOutput(); err != nil {
		t.Errorf("make test: %v\n%s", err, out)
	}
	s := harness.NewShop(t)
	s.Env = toolchain(t)
	here, err := filepath.Abs(harness.Root)
	if err != nil {
		t.Fatal(err)
	}
	cmd, printed := shellCommand(s, "cd '"+here+"' && go run ./daemon/keyseatd demo"), new(harness.LogBuffer)
	cmd.Stdout = printed
	d := s.StartCommand(cmd)
	d.Eventually("the demo prints its calls", func() bool { return strings.Contains(printed.String(), "curl 'http://127.0.0.1:") })
}

// toolchain returns the environment that the go command needs.
func toolchain(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"HOME", "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}
