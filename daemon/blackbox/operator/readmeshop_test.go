package operator_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestFirstShop follows the page on the first shop. Then it uses the shop with the clients from the page on the API.
func TestFirstShop(t *testing.T) {
	t.Parallel()
	s := harness.NewShop(t)
	s.Env, s.Database = append(freePorts, "PATH="+s.Folder+":"+os.Getenv("PATH")), ""
	linkProgram(s)
	page := func(mark string) string { return document(t, "first-shop.md", mark) }
	if out := output(s, nil, page("first-plans")); strings.Count(out, " 5 ") < 2 {
		t.Errorf("the stock is\n%s", out)
	}
	token := strings.TrimSpace(output(s, nil, page("first-token")))
	if out := output(s, nil, document(t, "commands.md", "dry-run")); !strings.Contains(out, "2") {
		t.Errorf("the dry run prints %s", out)
	}
	d := runScript(s, page("first-serve"))
	d.WaitReady()
	var issue struct{ Codes []string }
	if err := json.Unmarshal([]byte(output(s, d, page("first-issue"), "TOKEN="+token)), &issue); err != nil || len(issue.Codes) != 1 {
		t.Fatalf("issued %v, %v", issue, err)
	}
	if out := output(s, d, page("first-upgrade"), "KEY="+issue.Codes[0]); !strings.Contains(out, "sent successfully") || !strings.Contains(out, `"in_queue"`) {
		t.Errorf("the upgrade prints %s", out)
	}
	useClients(s, d)
	d.Stop()
	writeToken(s)
	d = runScript(s, strings.ReplaceAll(page("first-real"), "http://127.0.0.1:9090", s.Provider.URL))
	d.WaitReady()
	d.Stop()
}

// useClients runs each client from the page on the API, if its language is installed on this machine.
func useClients(s *harness.Shop, d *harness.Daemon) {
	s.Helper()
	codes := strings.Fields(s.MustExec("keys", "generate", "--count", "3"))
	var running sync.WaitGroup
	for i, run := range [][]string{{"python", "python3", "-"}, {"node", "node", "-"}, {"php", "php"}} {
		program, err := exec.LookPath(run[1])
		if err != nil {
			continue
		}
		text := strings.ReplaceAll(document(s.T, "api.md", run[0]), "http://127.0.0.1:8080", d.URL)
		running.Go(func() {
			cmd := exec.CommandContext(s.Context(), program, run[2:]...)
			cmd.Stdin, cmd.Env = strings.NewReader(text), append(toolchain(s.T), "KEY="+codes[i], "PATH="+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "sent successfully") || !strings.Contains(string(out), "\nsuccess") {
				s.Errorf("%s: %v\n%s", run[0], err, out)
			}
		})
	}
	running.Wait()
}

// output runs a script in the folder of the shop and returns its output. In the script, the addresses are those of d.
func output(s *harness.Shop, d *harness.Daemon, script string, env ...string) string {
	s.Helper()
	if d != nil {
		script = strings.NewReplacer("http://127.0.0.1:8080", d.URL, "http://127.0.0.1:8081", d.AdminURL, "curl ", "curl -sS ").Replace(script)
	}
	cmd := shellCommand(s, script)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("%v\n%s\n%s", err, script, out)
	}
	return string(out)
}
