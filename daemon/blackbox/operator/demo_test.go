package operator_test

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// startDemo starts the demo, and waits until its output is complete.
func startDemo(s *harness.Shop) (d *harness.Daemon, printed *harness.LogBuffer) {
	s.Helper()
	printed = new(harness.LogBuffer)
	cmd := s.Command("demo", "--sim-delay", "10ms")
	cmd.Stdout = printed
	d = s.StartCommand(cmd)
	s.Eventually("the demo prints its calls", func() bool {
		if d.HasEnded() {
			s.Fatalf("the demo ended with status %d: %s", d.ExitCode(), d.Logs)
		}
		return strings.Count(printed.String(), "curl ") >= 4 && strings.HasSuffix(printed.String(), "\n")
	})
	d.URL = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(printed.String())
	return d, printed
}

func TestDemo(t *testing.T) {
	t.Parallel()
	s := harness.NewShop(t)
	taken, err := net.Listen("tcp", "127.0.0.1:8080") //nolint:noctx // Listen does not block
	if err == nil {                                   // otherwise another process has taken the port, which is enough
		defer func() { _ = taken.Close() }() // the demo has ended
	}
	d, printed := startDemo(s)
	if strings.HasSuffix(d.URL, ":8080") {
		t.Errorf("the demo is at %s, which is taken", d.URL)
	}
	if left := demoFolders(s); len(left) != 1 {
		t.Errorf("while it runs there is %v", left)
	}
	runPrintedCalls(d, printed.String())
	expectConsole(d, printed.String())
	expectPage(d, printed.String())
	d.Stop()
	if left := demoFolders(s); len(left) != 0 {
		t.Errorf("the demo left %v behind", left)
	}
}

// expectConsole follows the printed link to the console, which signs in. The console must show the outcomes of finished
// tasks.
func expectConsole(d *harness.Daemon, printed string) {
	d.Helper()
	link := regexp.MustCompile(`http://127\.0\.0\.1:\d+/console/signin#token=\w+`).FindString(printed)
	if link == "" {
		d.Fatalf("no link to the console:\n%s", printed)
	}
	b := harness.OpenTab(d.T)
	b.Do(chromedp.Navigate(link))
	b.WaitText("Outcomes of the tasks")
	b.Eventually("the chart is drawn", "document.querySelector('[data-chart] canvas') !== null")
	if shown := harness.Eval[string](b, "location.href"); strings.Contains(shown, "token") {
		b.Errorf("after the sign-in, the address is still %s", shown)
	}
	succeeded := "[...document.querySelectorAll('#hours td:nth-child(2)')].reduce((n, c) => n + Number(c.dataset.n), 0)"
	if n := harness.Eval[int64](b, succeeded); n < 5 {
		b.Errorf("the chart shows %d tasks that succeeded", n)
	}
	durations := "[...document.querySelectorAll('#durations td[data-n]')].filter(c => c.dataset.n !== '0').length"
	if n := harness.Eval[int64](b, durations); n < 3 {
		b.Errorf("the attempts of the history have %d different durations", n)
	}
	b.Screenshots("console")
}

// expectPage follows the printed link with a key, which a shop would send by mail. The page must show the key.
func expectPage(d *harness.Daemon, printed string) {
	d.Helper()
	code := regexp.MustCompile(`(\S+)\s+renewed\n`).FindStringSubmatch(printed)
	if code == nil {
		d.Fatalf("no renewed key:\n%s", printed)
	}
	b := harness.OpenTab(d.T)
	b.Do(chromedp.Navigate(d.URL + "/#" + code[1]))
	b.Do(chromedp.Click(chromedp.CSS("#ask button[type=submit]")))
	b.WaitText("Ready to use again")
	b.Screenshots("page")
}

func demoFolders(s *harness.Shop) []string {
	found, _ := filepath.Glob(filepath.Join(s.Folder, "*demo*")) // the pattern is valid
	return found
}

// runPrintedCalls runs the calls that the demo prints.
func runPrintedCalls(d *harness.Daemon, printed string) {
	d.Helper()
	calls := 0
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		calls++
		got := runInShell(d, line)
		for part, want := range map[string]string{"?stock": `[{"country":"`, "info=": `{"status":"active",`, "upgrade=": harness.UpgradeSent, "renew=": harness.RenewSent} {
			if strings.Contains(line, part) && !strings.HasPrefix(got, want) {
				d.Errorf("%s: %s", line, got)
			}
		}
	}
	if calls < 4 {
		d.Errorf("only %d calls to try:\n%s", calls, printed)
	}
	expectEveryStatus(d, printed)
}

// runInShell runs a line in a shell.
func runInShell(d *harness.Daemon, line string) string {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", strings.Replace(line, "curl ", "curl -sS --noproxy '*' ", 1)).CombinedOutput()
	if err != nil {
		d.Errorf("%s: %v %s", line, err, out)
	}
	return string(out)
}

// expectEveryStatus reads all printed keys. There must be one with each status.
func expectEveryStatus(d *harness.Daemon, printed string) {
	d.Helper()
	seen := map[string]bool{}
	for _, code := range regexp.MustCompile(`(?m)^\s*((?:[0-9A-Z]{5}-){4}[0-9A-Z]{5})\b`).FindAllStringSubmatch(printed, -1) {
		a := d.Get("info=" + code[1])
		status, _, _ := strings.Cut(strings.TrimPrefix(a.Body, `{"status":"`), `"`)
		seen[status] = true
	}
	for _, status := range []string{"active", "in_queue", "failed_upgrade", "success_renew", "failed", "not_exist"} {
		if !seen[status] {
			d.Errorf("no key of the demo is %s: %v", status, seen)
		}
	}
}
