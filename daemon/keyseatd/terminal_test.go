//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"golang.org/x/sys/unix"

	"github.com/keyseat/keyseat/tasks"
)

// TestProgress checks that an import shows a progress bar on a terminal, and only there.
func TestProgress(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t, dir: "."}
	path := sh.file("keys.csv", keysCSV("code", 5000))
	all := onTerminal(t, func(terminal *os.File) {
		if status := run(t.Context(), []string{"keys", "import", path}, nil, nil, io.Discard, terminal); status != 0 {
			t.Errorf("status %d", status)
		}
	})
	if !strings.Contains(all, "reading") || !strings.Contains(all, "100%") {
		t.Errorf("shown: %q", all)
	}
}

// TestProgressOfAnExport exports into a pipe, while standard error is a terminal.
func TestProgressOfAnExport(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t, dir: "."}
	sh.feed(keysCSV("code", 5000), "keys", "import", "-")
	var out strings.Builder
	for range 200 { // one export may be too short, because the bar is drawn ten times a second
		out.Reset()
		all := onTerminal(t, func(terminal *os.File) {
			if status := run(t.Context(), []string{"keys", "export"}, nil, nil, &out, terminal); status != 0 {
				t.Errorf("status %d", status)
			}
		})
		if strings.Count(out.String(), "\n") != 5001 {
			t.Fatalf("%d lines", strings.Count(out.String(), "\n"))
		}
		if strings.Contains(all, "exporting") {
			return
		}
	}
	t.Error("nothing was shown")
}

// TestProgressOfAnArchive checks that an archive removes its progress bar before it prints the result, and that no
// goroutine draws the bar again.
func TestProgressOfAnArchive(t *testing.T) {
	dir := t.TempDir()
	sh := shell{t, dir, []string{"KEYSEAT_DATABASE=sqlite:" + dir + "/keyseat.db"}}
	sh.feed("code\nann\n", "keys", "import", "-")
	all := onTerminal(t, func(terminal *os.File) {
		if status := run(t.Context(), []string{"archive", "--before", "2020-01-01", "--to", dir}, sh.env, nil, terminal, terminal); status != 0 {
			t.Errorf("status %d", status)
		}
	})
	if cleared := regexp.MustCompile(`archiving \([^\r]*\r +\rarchived 0 tasks `); !cleared.MatchString(all) {
		t.Errorf("shown: %q", all)
	}
	var goroutines strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&goroutines, 1); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(goroutines.String(), "progressbar") {
		t.Error("a goroutine draws the bar")
	}
}

// TestTerminalWidth checks that every line of every list fits a narrow terminal. Values that users type
// must be complete. A pipe gets all columns.
func TestTerminalWidth(t *testing.T) {
	dir := t.TempDir()
	sh := shell{t, dir, []string{"KEYSEAT_DATABASE=sqlite:" + dir + "/keyseat.db"}}
	s := serve(sh)
	street := strings.Repeat("東京都 long street ", 8)
	sh.feed("id,country,slots,address\noak-with-a-name,DE,1000,"+street+"\n", "plans", "import", "-")
	sh.feed("code,message,status\n0000000000000000000000012,,\nodd,"+strings.Repeat("many words ", 30)+",failed_upgrade\n", "keys", "import", "-")
	const code = "00000-00000-00000-00000-00012"
	s.upgrade(code)
	s.work(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.InvalidCredentials, Note: strings.Repeat("a note ", 20)})
	s.upgrade("bob")
	s.work(tasks.ConnectorResult{Effect: tasks.Unknown, Note: "cut"})
	id := s.rows("tasks", "list")[0]["id"].(string)
	for line, want := range map[string][]string{
		"tasks list":              {id, "0000", "…", "invalid_credentials", "suspect"},
		"tasks list --state open": {"ID"},
		"plans list":              {"oak-with-a-name", "1000", "…", "東"},
		"stock":                   {"COUNTRY  SIZE  FREE"},
		"keys show " + code:       {code, "the provider refused the login or the password", "a note", "…"},
		"keys show odd":           {"many words many"},
		"keys show bob":           {"`keyseatd tasks resolve", "--outcome system_error`"},
		"config --connector sim":  {"sim"},
	} {
		all := onTerminal(t, func(terminal *os.File) {
			if status := run(t.Context(), strings.Fields(line), sh.env, nil, terminal, io.Discard); status != 0 {
				t.Errorf("%s: status %d", line, status)
			}
		})
		for row := range strings.Lines(all) {
			if runewidth.StringWidth(strings.TrimRight(row, "\n")) > 80 {
				t.Errorf("%s: %s", line, row)
			}
		}
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q is not in\n%s", line, w, all)
			}
		}
	}
	if out := sh.ok("plans", "list"); !strings.Contains(out, strings.TrimSpace(street)) || !strings.Contains(out, "EXPIRES") {
		t.Errorf("a pipe gets\n%s", out)
	}
}

// TestHints checks that a new secret comes with advice on a terminal. A file of the output has the secret alone.
func TestHints(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"master-key add master.key":                      "Keep a copy of the file",
		"admin-token add tokens --name shop --role read": "Copy this token now: tokens has only its hash.",
	} {
		var out strings.Builder
		all := onTerminal(t, func(terminal *os.File) {
			if status := run(t.Context(), strings.Fields(line), nil, nil, &out, terminal); status != 0 {
				t.Errorf("%s: status %d", line, status)
			}
		})
		if !strings.Contains(all, want) || len(strings.Fields(out.String())) != 1 {
			t.Errorf("%s: %q, %q", line, all, out.String())
		}
	}
}

// onTerminal calls do with a terminal of 80 columns, and returns the text on it.
func onTerminal(t *testing.T, do func(terminal *os.File)) string {
	t.Helper()
	terminal, shown := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	const end = "THE END"
	done := make(chan struct{})
	go func() { // concurrent, because a terminal buffers little text until it is read
		defer close(done)
		do(terminal)
		_, _ = fmt.Fprint(terminal, end) // if the write fails, the read below fails
	}()
	buf, all := make([]byte, 4096), ""
	for !strings.HasSuffix(all, end) {
		n, err := shown.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		all += string(buf[:n])
	}
	<-done
	return strings.ReplaceAll(strings.TrimSuffix(all, end), "\r\n", "\n")
}

// openTerminal returns a new pseudo-terminal and its other end, which reads the shown text.
func openTerminal(t *testing.T) (terminal, shown *os.File) {
	t.Helper()
	shown, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shown.Close() })
	if err := unix.IoctlSetPointerInt(int(shown.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(shown.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return terminal, shown
}
