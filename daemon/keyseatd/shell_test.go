package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// asProgram makes the test binary behave as keyseatd, for the tests that need a process.
const asProgram = "KEYSEATD_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	pgtest.Main(m)
}

// A shell runs command lines in an empty folder, against one database.
type shell struct {
	*testing.T
	dir string
	env []string
}

// onEveryDatabase runs a test on each kind of database.
func onEveryDatabase(t *testing.T, test func(sh shell)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		test(shell{t, dir, []string{"KEYSEAT_DATABASE=sqlite:" + filepath.Join(dir, "keyseat.db")}})
	})
	t.Run("postgres", func(t *testing.T) {
		test(shell{t, t.TempDir(), []string{"KEYSEAT_DATABASE=" + pgtest.URL(t)}})
	})
	t.Run("distributed", func(t *testing.T) {
		test(shell{t, t.TempDir(), []string{"KEYSEAT_DATABASE=" + pgtest.URL(t), "KEYSEAT_DATABASE_DISTRIBUTED=true"}})
	})
}

// run runs a command line with the given input. It returns the output and the exit status.
func (sh shell) run(input string, args ...string) (stdout, stderr string, status int) {
	sh.Helper()
	var out, err bytes.Buffer
	status = run(sh.Context(), args, sh.env, strings.NewReader(input), &out, &err)
	checkStderr(sh.T, args, err.String())
	return out.String(), err.String(), status
}

// ok runs a command that must succeed, and returns its output.
func (sh shell) ok(args ...string) string {
	sh.Helper()
	return sh.feed("", args...)
}

// feed is [shell.ok] with an input.
func (sh shell) feed(input string, args ...string) string {
	sh.Helper()
	out, err, status := sh.run(input, args...)
	if status != 0 || auditLines.ReplaceAllString(err, "") != "" {
		sh.Fatalf("%q: status %d, %s", args, status, err)
	}
	return out
}

// fails runs a command that must end with the given status. Standard output must be empty, and standard
// error must be one line that contains want.
func (sh shell) fails(status int, want, input string, args ...string) {
	sh.Helper()
	sh.failsAfter("", status, want, input, args...)
}

// failsAfter is [shell.fails] for a command with output before the error. The output must start with head.
func (sh shell) failsAfter(head string, status int, want, input string, args ...string) {
	sh.Helper()
	out, err, got := sh.run(input, args...)
	err = auditLines.ReplaceAllString(err, "")
	line, rest, found := strings.Cut(err, "\n")
	if got != status || (out != "") != (head != "") || !strings.HasPrefix(out, head) || !found || rest != "" || !strings.HasPrefix(line, "keyseatd: ") || !strings.Contains(line, want) {
		sh.Errorf("%q: status %d, %q, %q\nwant %d, %s", args, got, out, err, status, want)
	}
}

// file writes a file and returns its path.
func (sh shell) file(name, text string) string {
	sh.Helper()
	path := filepath.Join(sh.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		sh.Fatal(err)
	}
	return path
}

// rows returns the JSON array of objects that a command prints.
func (sh shell) rows(args ...string) (rows []map[string]any) {
	sh.Helper()
	out := sh.ok(append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(out), &rows); err != nil || rows == nil {
		sh.Fatalf("%q: %v\n%s", args, err, out)
	}
	return rows
}

var (
	// auditLines are the lines about codes in an output, and about changes.
	auditLines = regexp.MustCompile(`(?m)^\S+\tINFO\tcommand\t\{"action": "[a-z -]+", "actor": "[^"]+@\S+ \(CLI\)", "count": \d+\}\n`)

	times = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	ids   = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)
	gaps  = regexp.MustCompile(` {2,}`)
)

// golden compares an output with a golden text. Ids, times, the actor and column widths are left out, because they
// differ between runs.
func (sh shell) golden(got, want string) {
	sh.Helper()
	got = times.ReplaceAllString(ids.ReplaceAllString(strings.ReplaceAll(got, actor(), "ACTOR"), "ID"), "TIME")
	got = strings.ReplaceAll(gaps.ReplaceAllString(got, "  "), "  \n", "\n")
	if want = strings.TrimPrefix(want, "\n"); got != want {
		sh.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// recent checks that a printed time is close to now.
func (sh shell) recent(text any) {
	sh.Helper()
	s, _ := text.(string)
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || time.Since(at).Abs() > time.Minute {
		sh.Errorf("%v is not now (%v)", text, err)
	}
}
