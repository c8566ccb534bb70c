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

// A Shop is a database, the command line of its operator, and a provider. All processes that a shop starts end with the
// test. Finally the shop checks that all requests to the provider have followed its protocol.
type Shop struct {
	*testing.T
	Folder    string // the working directory of commands
	Database  string // the URL of the database
	KeyFile   string // the file of master keys; "": keyseatd serve makes the file of [Shop.MasterKeyPath]
	Provider  *connectortest.Provider
	Env       []string // environment variables of commands, in addition to those that the shop sets
	Program   string   // the path of the program to run; "": keyseatd
	MayRepeat bool     // the test loses confirmed commits, so a daemon may repeat a request to the provider with another plan
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

// checkProvider checks the requests to the provider. With MayRepeat, a repeated request may have another body.
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

// NewPostgresShop returns a shop with a database of PostgreSQL and new master keys. The tables of a database on Citus are
// distributed.
func NewPostgresShop(t *testing.T, url string) *Shop {
	s := NewShop(t)
	s.Database, s.KeyFile = url, filepath.Join(s.Folder, "master-keys")
	s.MustExec("master-key", "add", s.KeyFile)
	if pgtest.IsCitus(url) {
		s.MustExec("migrate", "--distribute")
	}
	return s
}

// SkipOnCitus skips a test that does not work on a cluster of Citus, for the given reason.
func (s *Shop) SkipOnCitus(reason string) {
	s.Helper()
	if pgtest.IsCitus(s.Database) {
		s.Skip(reason)
	}
}

// IsSQLite reports whether the database is an SQLite file, which allows only one daemon.
func (s *Shop) IsSQLite() bool { return strings.HasPrefix(s.Database, "sqlite:") }

// MasterKeyPath returns the path of the file of master keys that keyseatd serve reads or makes.
func (s *Shop) MasterKeyPath() string {
	if s.KeyFile != "" {
		return s.KeyFile
	}
	folder, name := filepath.Split(strings.TrimPrefix(s.Database, "sqlite:"))
	return folder + "master-key-" + strings.ReplaceAll(name, ".", "-")
}

// AgeMasterKeys makes the master keys in a file older, by a duration.
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
		err = os.Rename(file+".aged", file) // in one step, because a daemon may read the file at any moment
	}
	if err != nil {
		s.Fatal(err)
	}
}

// CheckDoctor checks that the command keyseatd doctor finds no fault. With the master keys, the command also reads
// sealed accounts.
func (s *Shop) CheckDoctor() {
	s.Helper()
	if r := s.Exec("doctor", "--master-key-file", s.MasterKeyPath()); r.Code != 0 {
		s.Errorf("the doctor reports: %s%s", r.Out, r.Err)
	}
}

// ClosedPort returns an address on loopback on which no program listens until the test ends. It is the address of the
// client's end of a connection, so that no other program can listen on it.
func ClosedPort(s *Shop) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Listen does not block
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = l.Close() })             // only the connection is needed
	conn, err := net.Dial("tcp", l.Addr().String()) //nolint:noctx // it is on this machine
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

// A Result is the output and the exit status of a command.
type Result struct {
	Out, Err string
	Code     int
}

// Exec runs keyseatd with arguments and waits for its end.
func (s *Shop) Exec(args ...string) Result { return s.ExecInput("", args...) }

// ExecInput runs keyseatd with arguments and the standard input stdin, and waits for its end.
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

// Command returns a command of keyseatd, which the caller starts. Its process is killed when the test ends.
func (s *Shop) Command(args ...string) *exec.Cmd {
	program := s.Program
	if program == "" {
		program = Program(s)
	}
	cmd := exec.CommandContext(s.Context(), program, args...)
	cmd.Dir, cmd.SysProcAttr = s.Folder, dieWithParent()
	cmd.Cancel = func() error { return KillGroup(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second // the longest wait for child processes that keep the standard streams open
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.Folder}, s.Env...)
	if s.Database != "" {
		cmd.Env = append(cmd.Env, "KEYSEAT_DATABASE="+s.Database)
	}
	return cmd
}

// MustExec runs a command of keyseatd that must succeed, and returns its standard output.
func (s *Shop) MustExec(args ...string) string { return s.MustExecInput("", args...) }

// MustExecInput runs a command as [Shop.MustExec] does, with the standard input stdin.
func (s *Shop) MustExecInput(stdin string, args ...string) string {
	s.Helper()
	r := s.ExecInput(stdin, args...)
	if r.Code != 0 {
		s.Fatalf("keyseatd %s: status %d, %s", strings.Join(args[:min(2, len(args))], " "), r.Code, r.Err)
	}
	return r.Out
}

// ExecJSON runs a command of keyseatd with --output json, and decodes its standard output into a value.
func (s *Shop) ExecJSON(into any, args ...string) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.MustExec(append(args, "--output", "json")...)), into); err != nil {
		s.Fatalf("keyseatd %s: %v", args[0], err)
	}
}

// Scale is the length of the tests as a part of their full length. With 0, the default, they are as short as possible.
var Scale = flag.Float64("scale", 0, "the part of the full length of each test; 0: short")

// Scaled returns the number of trials of a test at the present [Scale]: Scale times full, but at least short.
func Scaled(short, full int) int { return max(short, int(*Scale*float64(full))) }

// Report reports figures to daemon/soak: the number of trials, the number of injected faults, and further figures. The
// further figures are pairs of names and values.
func Report(t testing.TB, trials, faults int, others ...any) {
	t.Helper()
	t.Attr("trials", fmt.Sprint(trials))
	t.Attr("faults", fmt.Sprint(faults))
	for i := 0; i+1 < len(others); i += 2 {
		t.Attr(fmt.Sprint(others[i]), fmt.Sprint(others[i+1]))
	}
}

// ParallelUnlessScaled makes a test parallel if the [Scale] is 0. A longer test runs alone, because it measures times.
func ParallelUnlessScaled(t *testing.T) {
	if *Scale == 0 {
		t.Parallel()
	}
}

// MaxWait is the maximum time that tests wait for an event on a slow machine. Tests of a documented time limit use that
// limit instead.
const MaxWait = 60 * time.Second

// Eventually polls a condition until it is true. After [MaxWait] it fails the test.
func (s *Shop) Eventually(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(MaxWait); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("timed out waiting: %s", what)
		}
	}
}
