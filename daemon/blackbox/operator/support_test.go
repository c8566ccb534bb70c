package operator_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestSupportWorkflow follows keys through the work of support: look up a key, do what its explanation says, and let
// the holder continue.
func TestSupportWorkflow(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := s.Serve("--task-attempts=1", "--key-task-limit=0")
		s.ImportPlans("elm,US,1,1 High Street,link")
		s.ImportKeys("code,invite,address", "fresh,,", "second,,", "legacy,https://provider.example/i,2 Low Street")
		expectShown(s, "fresh", "It has not been used, and can be upgraded.")

		d.MustAccept(harness.Upgrade("fresh", "account_locked@example.com", "US"))
		d.ExpectEnd("fresh", "failed_upgrade", harness.Messages["account_locked"])
		expectShown(s, "fresh", "Its upgrade failed: the account is locked.", "The holder can try again in a few hours")

		d.MustAccept(harness.Upgrade("fresh", "cut_after@example.com", "US")) // the provider acts, and its response is lost
		d.ExpectEnd("fresh", "failed_upgrade", harness.Messages["system_error"])
		task := s.Tasks("--state", "suspect")[0]
		expectShown(s, "fresh", "Its upgrade failed: the service failed, or gave no final answer", "A slot of plan elm is suspect",
			"`keyseatd tasks resolve "+task.ID+" --outcome success`")
		s.MustExec("tasks", "resolve", task.ID, "--outcome", "success")
		expectShown(s, "fresh", "It is in use, since ", ", at “1 High Street”.")

		d.MustAccept(harness.Upgrade("second", "success@example.com", "US"))
		d.ExpectEnd("second", "failed_upgrade", harness.Messages["out_of_stock"])
		expectShown(s, "second", "there was no free slot in US")
		d.MustAccept(harness.Renew("fresh", "success@example.com"))
		d.ExpectEnd("fresh", "success_renew", "Key Renewed")
		expectShown(s, "fresh", "It was renewed, and can be upgraded.", "`keyseatd plans release "+task.ID+"` frees it")
		s.MustExec("plans", "release", task.ID)
		if got := s.MustExec("keys", "show", "fresh"); strings.Contains(got, "plans release") || !strings.Contains(got, "released") {
			s.Errorf("after the release:\n%s", got)
		}
		d.MustAccept(harness.Upgrade("second", "success@example.com", "US"))
		d.ExpectEnd("second", "success", "")
		if r := s.Exec("plans", "release", task.ID); r.Code != 1 || !strings.Contains(r.Err, "has spent no slot") {
			s.Errorf("released twice: %+v", r)
		}

		expectShown(s, "legacy", "It was last used with the old system", "`keyseatd keys reset legacy` makes it usable")
		s.MustExec("keys", "revoke", "second")
		d.Expect(d.Get("info=second"), 200, harness.NotExist)
		expectShown(s, "second", "It is revoked", "`keyseatd keys restore second`")
		s.MustExec("keys", "restore", "second")
		d.ExpectEnd("second", "success", "")
		expectHistory(s, "second", "imported", "accepted", "ended", "accepted", "ended", "revoked", "restored")
	})
}

// expectShown checks that the explanation of a key has the given texts, and no login.
func expectShown(s *harness.Shop, code string, words ...string) {
	s.Helper()
	out := s.MustExec("keys", "show", code)
	for _, w := range words {
		if !strings.Contains(out, w) {
			s.Errorf("the explanation of %s lacks %q:\n%s", code, w, out)
		}
	}
	if strings.Contains(out, "@example.com") {
		s.Errorf("the output has a login:\n%s", out)
	}
}

// expectHistory checks the events of a key in both output forms.
func expectHistory(s *harness.Shop, code string, causes ...string) {
	s.Helper()
	var shown struct {
		Story   struct{ Now string }
		History []struct{ At, Event, Outcome, Plan string }
	}
	s.ExecJSON(&shown, "keys", "show", code)
	var got []string
	for _, e := range shown.History {
		got = append(got, e.Event)
		if _, err := time.Parse(time.RFC3339, e.At); err != nil {
			s.Error(err)
		}
	}
	if strings.Join(got, " ") != strings.Join(causes, " ") || shown.Story.Now == "" {
		s.Errorf("the history of %s: %+v", code, shown)
	}
}

// TestInterruptedCommandLeavesNothing checks that Ctrl-C ends a command immediately, with one line of output, and that
// nothing is stored.
func TestInterruptedCommandLeavesNothing(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.MustExec("migrate")
		file := filepath.Join(s.Folder, "keys.csv")
		writeKeys(s, file, 300_000)
		for _, args := range [][]string{
			{"keys", "import", file},
			{"keys", "import", "-"},
			{"keys", "import", "/dev/stdin"},
			{"keys", "import", "--dry-run", "-"},
			{"plans", "import", "-"},
		} {
			interrupt(s, args...)
		}
		if out := s.MustExec("keys", "export"); strings.Count(out, "\n") != 1 {
			s.Errorf("%d lines are stored", strings.Count(out, "\n"))
		}
		s.MustExec("keys", "import", file)
		interrupt(s, "keys", "export")
	})
}

// exportAudit is the line about the codes that an export has printed.
var exportAudit = regexp.MustCompile(`^\S+\tINFO\tcommand\t\{"action": "keys export", "actor": "[^"]+@\S+ \(CLI\)", "count": \d+\}\n`)

// interrupt runs a command with an endless standard input. Its output is read only after Ctrl-C. If the signal comes
// before the program has begun, interrupt runs the command again, and waits longer.
func interrupt(s *harness.Shop, args ...string) {
	s.Helper()
	pause := 300 * time.Millisecond // probably in the middle; the promise holds at any moment
	code, stderr, took := interruptAfter(s, pause, args...)
	for ; code == -1 && pause < 10*time.Second; pause *= 4 {
		code, stderr, took = interruptAfter(s, 4*pause, args...)
	}
	said := exportAudit.ReplaceAllString(stderr, "") // codes were printed before the interruption
	if code != 1 || said != "keyseatd: interrupted\n" {
		s.Errorf("%v: status %d, %q", args, code, stderr)
	}
	if took > 10*time.Second {
		s.Errorf("%v took %v to end", args, took)
	}
}

// interruptAfter interrupts a command after a pause. It returns the exit status, which is -1 if the signal itself has
// ended the process, and the time that the command took to end.
func interruptAfter(s *harness.Shop, pause time.Duration, args ...string) (code int, stderr string, took time.Duration) {
	s.Helper()
	cmd, logs := s.Command(args...), new(harness.LogBuffer)
	in, silent, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _, _ = in.Close(), silent.Close() }() // nothing was written to it
	cmd.Stdin, cmd.Stderr = in, logs
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	time.Sleep(pause)
	start := time.Now()
	_ = cmd.Process.Signal(os.Interrupt)
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // the caller checks the status
	return cmd.ProcessState.ExitCode(), logs.String(), time.Since(start)
}
