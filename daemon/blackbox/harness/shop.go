package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A Shop is a database, the command line of its operator, and a provider. All processes that it starts end with its
// test. Then it checks that the provider was called as the protocol says.
type Shop struct {
	*testing.T
	Folder    string // the working directory of commands
	Database  string // its URL
	KeyFile   string // the file of master keys; "": serve makes one
	Provider  *connectortest.Provider
	Env       []string // environment of commands, in addition to the URL of the database
	Program   string   // the program to run; "": keyseatd
	MayRepeat bool     // the database has lost confirmed commits, so a task may be repeated with another plan
}

// ForEachDatabase runs a test on SQLite and on PostgreSQL.
func ForEachDatabase(t *testing.T, test func(s *Shop)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(NewSQLiteShop(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(NewPostgresShop(t, pgtest.URL(t)))
	})
}

// NewShop returns a shop without a database.
func NewShop(t *testing.T) *Shop {
	s := &Shop{T: t, Folder: t.TempDir(), Provider: connectortest.NewProvider(t)}
	t.Cleanup(s.checkProvider)
	return s
}

// checkProvider checks the requests to the provider against the protocol.
func (s *Shop) checkProvider() {
	s.Helper()
	if !s.MayRepeat {
		s.Provider.CheckAll(s)
		return
	}
	if err := s.Provider.Check(); err != nil {
		for line := range strings.Lines(err.Error()) {
			if !strings.Contains(line, " came with another body") {
				s.Errorf("a request to the provider is not as it should be: %s", line)
			}
		}
	}
}

// NewSQLiteShop returns a shop with a new SQLite database.
func NewSQLiteShop(t *testing.T) *Shop {
	s := NewShop(t)
	s.Database = "sqlite:" + filepath.Join(s.Folder, "keyseat.db")
	return s
}

// NewPostgresShop returns a shop with a database of PostgreSQL and new master keys.
func NewPostgresShop(t *testing.T, url string) *Shop {
	s := NewShop(t)
	s.Database, s.KeyFile = url, filepath.Join(s.Folder, "master-keys")
	s.MustExec("master-key", "add", s.KeyFile)
	return s
}

// IsSQLite reports whether the database is an SQLite file, which allows only one daemon.
func (s *Shop) IsSQLite() bool { return strings.HasPrefix(s.Database, "sqlite:") }

// MasterKeyPath returns the path of the master keys that serve reads or makes.
func (s *Shop) MasterKeyPath() string {
	if s.KeyFile != "" {
		return s.KeyFile
	}
	folder, name := filepath.Split(strings.TrimPrefix(s.Database, "sqlite:"))
	return folder + "master-key-" + strings.ReplaceAll(name, ".", "-")
}

// AgeMasterKeys makes the keys of a file older.
func (s *Shop) AgeMasterKeys(file string, by time.Duration) {
	s.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		aged := regexp.MustCompile(`\S+Z\n`).ReplaceAllStringFunc(string(text), func(made string) string {
			at, err := time.Parse(time.RFC3339, strings.TrimSpace(made))
			if err != nil {
				s.Fatal(err)
			}
			return at.Add(-by).Format(time.RFC3339) + "\n"
		})
		err = os.WriteFile(file+".aged", []byte(aged), 0o600)
	}
	if err == nil {
		err = os.Rename(file+".aged", file) // a daemon may read the file at any moment
	}
	if err != nil {
		s.Fatal(err)
	}
}

// CheckDoctor checks that the doctor finds nothing, also in sealed accounts.
func (s *Shop) CheckDoctor() {
	s.Helper()
	if r := s.Exec("doctor", "--master-key-file", s.MasterKeyPath()); r.Code != 0 {
		s.Errorf("the doctor reports: %s%s", r.Out, r.Err)
	}
}

// ClosedPort returns an address on loopback on which no program listens.
func ClosedPort(s *Shop) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = l.Close() }() // the address is known
	return l.Addr().String()
}

// A Result is the output and the exit status of a command.
type Result struct {
	Out, Err string
	Code     int
}

// Exec runs keyseatd with arguments and waits for its end.
func (s *Shop) Exec(args ...string) Result { return s.ExecInput("", args...) }

// ExecInput is like Exec, with a standard input.
func (s *Shop) ExecInput(stdin string, args ...string) Result {
	s.Helper()
	var out, err bytes.Buffer
	cmd := s.Command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	failed := cmd.Run()
	var status *exec.ExitError
	if failed != nil && !errors.As(failed, &status) {
		s.Fatal(failed)
	}
	return Result{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// Command returns a command that has not started. It is killed when its test ends.
func (s *Shop) Command(args ...string) *exec.Cmd {
	program := s.Program
	if program == "" {
		program = Program(s)
	}
	cmd := exec.CommandContext(s.Context(), program, args...)
	cmd.Dir, cmd.SysProcAttr = s.Folder, dieWithParent()
	cmd.Cancel = func() error { return KillGroup(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second // for programs that it has started and that still have its streams
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.Folder}, s.Env...)
	if s.Database != "" {
		cmd.Env = append(cmd.Env, "KEYSEAT_DATABASE="+s.Database)
	}
	return cmd
}

// MustExec runs a command that must succeed, and returns its output.
func (s *Shop) MustExec(args ...string) string { return s.MustExecInput("", args...) }

// MustExecInput is like MustExec, with a standard input.
func (s *Shop) MustExecInput(stdin string, args ...string) string {
	s.Helper()
	r := s.ExecInput(stdin, args...)
	if r.Code != 0 {
		s.Fatalf("keyseatd %s: status %d, %s", strings.Join(args[:min(2, len(args))], " "), r.Code, r.Err)
	}
	return r.Out
}

// ExecJSON runs a command with --output json, and decodes its output.
func (s *Shop) ExecJSON(into any, args ...string) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.MustExec(append(args, "--output", "json")...)), into); err != nil {
		s.Fatalf("keyseatd %s: %v", args[0], err)
	}
}

// Scale is the part of the full length of a test that runs. With 0, a test runs as often as with every change.
var Scale = flag.Float64("scale", 0, "the part of the full length of each test; 0: short")

// Scaled returns how often a test does something: full times the scale, but at least few.
func Scaled(few, full int) int { return max(few, int(*Scale*float64(full))) }

// Report reports figures to daemon/soak: the trials, the injected faults, and further figures as pairs of names and
// values.
func Report(t testing.TB, trials, faults int, others ...any) {
	t.Helper()
	t.Attr("trials", fmt.Sprint(trials))
	t.Attr("faults", fmt.Sprint(faults))
	for i := 0; i+1 < len(others); i += 2 {
		t.Attr(fmt.Sprint(others[i]), fmt.Sprint(others[i+1]))
	}
}

// ParallelUnlessScaled makes a test parallel, unless the scale is above 0. Then the test measures times.
func ParallelUnlessScaled(t *testing.T) {
	if *Scale == 0 {
		t.Parallel()
	}
}
