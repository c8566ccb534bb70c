package blackbox_test

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// demo starts one, and gives it with what it prints once that is complete.
func (s *shop) demo() (d *daemon, printed *journal) {
	s.Helper()
	printed = new(journal)
	cmd := s.command("demo", "--sim-delay", "10ms")
	cmd.Stdout = printed
	d = s.run(cmd)
	s.until("the demo says what to try", func() bool {
		if d.over() {
			s.Fatalf("the demo ended with status %d: %s", d.code(), d.log)
		}
		return strings.Count(printed.String(), "curl ") >= 4 && strings.HasSuffix(printed.String(), "\n")
	})
	d.url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(printed.String())
	return d, printed
}

func TestDemo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	taken, err := net.Listen("tcp", "127.0.0.1:8080") //nolint:noctx // it does not block
	if err == nil {                                   // or somebody else has it, which is as good
		defer func() { _ = taken.Close() }() // it has served
	}
	d, printed := s.demo()
	if strings.HasSuffix(d.url, ":8080") {
		t.Errorf("the demo is at %s, which is taken", d.url)
	}
	if left := s.demoFolders(); len(left) != 1 {
		t.Errorf("while it runs there is %v", left)
	}
	d.tryLines(printed.String())
	d.stop()
	if left := s.demoFolders(); len(left) != 0 {
		t.Errorf("the demo left %v behind", left)
	}
}

func (s *shop) demoFolders() []string {
	found, _ := filepath.Glob(filepath.Join(s.folder, "*demo*")) // the pattern is well formed
	return found
}

// tryLines pastes what the demo prints into a shell.
func (d *daemon) tryLines(printed string) {
	d.Helper()
	calls := 0
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		calls++
		got := d.paste(line)
		for part, want := range map[string]string{"?stock": `[{"country":"`, "info=": `{"status":"active",`, "upgrade=": upgradeSent, "renew=": renewSent} {
			if strings.Contains(line, part) && !strings.HasPrefix(got, want) {
				d.Errorf("%s: %s", line, got)
			}
		}
	}
	if calls < 4 {
		d.Errorf("only %d calls to try:\n%s", calls, printed)
	}
	d.stateOfEachKey(printed)
}

// paste runs a line in a shell.
func (d *daemon) paste(line string) string {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", strings.Replace(line, "curl ", "curl -sS --noproxy '*' ", 1)).CombinedOutput()
	if err != nil {
		d.Errorf("%s: %v %s", line, err, out)
	}
	return string(out)
}

// stateOfEachKey asks for all keys that the demo lists: there is one in every state.
func (d *daemon) stateOfEachKey(printed string) {
	d.Helper()
	seen := map[string]bool{}
	for _, code := range regexp.MustCompile(`(?m)^\s*((?:[0-9A-Z]{5}-){4}[0-9A-Z]{5})\b`).FindAllStringSubmatch(printed, -1) {
		a := d.get("info=" + code[1])
		status, _, _ := strings.Cut(strings.TrimPrefix(a.body, `{"status":"`), `"`)
		seen[status] = true
	}
	for _, status := range []string{"active", "in_queue", "failed_upgrade", "success_renew", "failed", "not_exist"} {
		if !seen[status] {
			d.Errorf("no key of the demo is %s: %v", status, seen)
		}
	}
}
