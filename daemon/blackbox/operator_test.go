package blackbox_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSupportWorkflow leads keys through what support does about them, with a daemon serving: it looks
// a key up, does what it is told there, and the holder goes on.
func TestSupportWorkflow(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		d := s.Serve("--task-attempts=1", "--key-task-limit=0")
		s.ImportPlans("elm,US,1,1 High Street,link")
		s.ImportKeys("code,invite,address", "fresh,,", "second,,", "legacy,https://provider.example/i,2 Low Street")
		s.expectShown("fresh", "It has not been used, and can be upgraded.")

		d.MustAccept(Upgrade("fresh", "account_locked@example.com", "US"))
		d.ExpectEnd("fresh", "failed_upgrade", Messages["account_locked"])
		s.expectShown("fresh", "Its upgrade failed: the account is locked.", "The holder can try again in a few hours")

		d.MustAccept(Upgrade("fresh", "cut_after@example.com", "US")) // the provider acts, and nobody sees it
		d.ExpectEnd("fresh", "failed_upgrade", Messages["system_error"])
		task := s.Tasks("--state", "suspect")[0]
		s.expectShown("fresh", "Its upgrade failed: the provider gave no answer that settles it", "A slot of plan elm is suspect",
			"`keyseatd tasks resolve "+task.ID+" --outcome success`")
		s.MustExec("tasks", "resolve", task.ID, "--outcome", "success")
		s.expectShown("fresh", "It is in use, since ", ", at 1 High Street.")

		d.MustAccept(Upgrade("second", "success@example.com", "US"))
		d.ExpectEnd("second", "failed_upgrade", Messages["out_of_stock"])
		s.expectShown("second", "there was no free slot in US")
		d.MustAccept(Renew("fresh", "success@example.com"))
		d.ExpectEnd("fresh", "success_renew", "Key Renewed")
		s.expectShown("fresh", "It was renewed, and can be upgraded.", "`keyseatd plans release "+task.ID+"` gives it back")
		s.MustExec("plans", "release", task.ID)
		if got := s.MustExec("keys", "show", "fresh"); strings.Contains(got, "plans release") || !strings.Contains(got, "released") {
			s.Errorf("after the release:\n%s", got)
		}
		d.MustAccept(Upgrade("second", "success@example.com", "US"))
		d.ExpectEnd("second", "success", "")
		if r := s.Exec("plans", "release", task.ID); r.Code != 1 || !strings.Contains(r.Err, "has spent no slot") {
			s.Errorf("released twice: %+v", r)
		}

		s.expectShown("legacy", "It was last used with the old system", "`keyseatd keys reset legacy` makes it usable")
		s.MustExec("keys", "revoke", "second")
		d.Expect(d.Get("info=second"), 200, NotExist)
		s.expectShown("second", "It is revoked", "`keyseatd keys restore second`")
		s.MustExec("keys", "restore", "second")
		d.ExpectEnd("second", "success", "")
		s.expectHistory("second", "imported", "accepted", "ended", "accepted", "ended", "revoked", "restored")
	})
}

// expectShown looks a key up, and expects those words.
func (s *Shop) expectShown(code string, words ...string) {
	s.Helper()
	out := s.MustExec("keys", "show", code)
	for _, w := range words {
		if !strings.Contains(out, w) {
			s.Errorf("of %s it is not told %q:\n%s", code, w, out)
		}
	}
	if strings.Contains(out, "@example.com") {
		s.Errorf("a login is told:\n%s", out)
	}
}

// expectHistory holds that a key's history is that, for people and for programs.
func (s *Shop) expectHistory(code string, causes ...string) {
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

// TestInterruptedCommandLeavesNothing holds that Ctrl-C ends a command at once, says so in one line, and leaves nothing.
func TestInterruptedCommandLeavesNothing(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.MustExec("migrate")
		file := filepath.Join(s.Folder, "keys.csv")
		writeKeys(s, file, 300_000)
		for _, args := range [][]string{
			{"keys", "import", file},
			{"keys", "import", "-"},
			{"keys", "import", "--dry-run", "-"},
			{"plans", "import", "-"},
		} {
			s.interrupt(args...)
		}
		if out := s.MustExec("keys", "export"); strings.Count(out, "\n") != 1 {
			s.Errorf("%d lines are stored", strings.Count(out, "\n"))
		}
		s.MustExec("keys", "import", file)
		s.interrupt("keys", "export")
	})
}

// interrupt runs a command with a standard input that never ends, and somebody who reads what it
// prints only after Ctrl-C.
func (s *Shop) interrupt(args ...string) {
	s.Helper()
	cmd, said := s.Command(args...), new(LogBuffer)
	in, silent, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _, _ = in.Close(), silent.Close() }() // nobody has written to it
	cmd.Stdin, cmd.Stderr = in, said
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // in the midst of it, it is hoped; what is tested holds at any moment
	start := time.Now()
	_ = cmd.Process.Signal(os.Interrupt)
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // its status is looked at
	if code := cmd.ProcessState.ExitCode(); code != 1 || said.String() != "keyseatd: interrupted\n" {
		s.Errorf("%v: status %d, %q", args, code, said.String())
	}
	if took := time.Since(start); took > 10*time.Second {
		s.Errorf("%v took %v to end", args, took)
	}
}
