package blackbox_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAnOperatorsDay leads keys through what support does about them, with a daemon serving: it looks
// a key up, does what it is told there, and the holder goes on.
func TestAnOperatorsDay(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		d := s.serve("--task-attempts=1", "--key-task-limit=0")
		s.importPlans("elm,US,1,1 High Street,link")
		s.importKeys("code,invite,address", "fresh,,", "second,,", "legacy,https://provider.example/i,2 Low Street")
		s.told("fresh", "It has not been used, and can be upgraded.")

		d.accepted(upgrade("fresh", "account_locked@example.com", "US"))
		d.endsAs("fresh", "failed_upgrade", messages["account_locked"])
		s.told("fresh", "Its upgrade failed: the account is locked.", "The holder can try again in a few hours")

		d.accepted(upgrade("fresh", "cut_after@example.com", "US")) // the provider acts, and nobody sees it
		d.endsAs("fresh", "failed_upgrade", messages["system_error"])
		task := s.tasks("--state", "suspect")[0]
		s.told("fresh", "Its upgrade failed: the provider gave no answer that settles it", "A slot of plan elm is suspect",
			"`keyseatd tasks resolve "+task.ID+" --outcome success`")
		s.must("tasks", "resolve", task.ID, "--outcome", "success")
		s.told("fresh", "It is in use, since ", ", at 1 High Street.")

		d.accepted(upgrade("second", "success@example.com", "US"))
		d.endsAs("second", "failed_upgrade", messages["out_of_stock"])
		s.told("second", "there was no free slot in US")
		d.accepted(renew("fresh", "success@example.com"))
		d.endsAs("fresh", "success_renew", "Key Renewed")
		s.told("fresh", "It was renewed, and can be upgraded.", "`keyseatd plans release "+task.ID+"` gives it back")
		s.must("plans", "release", task.ID)
		if got := s.must("keys", "show", "fresh"); strings.Contains(got, "plans release") || !strings.Contains(got, "released") {
			s.Errorf("after the release:\n%s", got)
		}
		d.accepted(upgrade("second", "success@example.com", "US"))
		d.endsAs("second", "success", "")
		if r := s.cli("plans", "release", task.ID); r.code != 1 || !strings.Contains(r.err, "has spent no slot") {
			s.Errorf("released twice: %+v", r)
		}

		s.told("legacy", "It was last used with the old system", "`keyseatd keys reset legacy` makes it usable")
		s.must("keys", "revoke", "second")
		d.is(d.get("info=second"), 200, notExist)
		s.told("second", "It is revoked", "`keyseatd keys restore second`")
		s.must("keys", "restore", "second")
		d.endsAs("second", "success", "")
		s.journalOf("second", "imported", "accepted", "ended", "accepted", "ended", "revoked", "restored")
	})
}

// told looks a key up, and expects those words.
func (s *shop) told(code string, words ...string) {
	s.Helper()
	out := s.must("keys", "show", code)
	for _, w := range words {
		if !strings.Contains(out, w) {
			s.Errorf("of %s it is not told %q:\n%s", code, w, out)
		}
	}
	if strings.Contains(out, "@example.com") {
		s.Errorf("a login is told:\n%s", out)
	}
}

// journalOf holds that a key's history is that, for people and for programs.
func (s *shop) journalOf(code string, causes ...string) {
	s.Helper()
	var shown struct {
		Story   struct{ Now string }
		History []struct{ At, Event, Outcome, Plan string }
	}
	s.list(&shown, "keys", "show", code)
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

// TestInterrupt holds that Ctrl-C ends a command at once, says so in one line, and leaves nothing.
func TestInterrupt(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.must("migrate")
		file := filepath.Join(s.folder, "keys.csv")
		writeKeys(s, file, 300_000)
		for _, args := range [][]string{
			{"keys", "import", file},
			{"keys", "import", "-"},
			{"keys", "import", "--dry-run", "-"},
			{"plans", "import", "-"},
		} {
			s.interrupted(args...)
		}
		if out := s.must("keys", "export"); strings.Count(out, "\n") != 1 {
			s.Errorf("%d lines are stored", strings.Count(out, "\n"))
		}
		s.must("keys", "import", file)
		s.interrupted("keys", "export")
	})
}

// interrupted runs a command with a standard input that never ends, and somebody who reads what it
// prints only after Ctrl-C.
func (s *shop) interrupted(args ...string) {
	s.Helper()
	cmd, said := s.command(args...), new(journal)
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
