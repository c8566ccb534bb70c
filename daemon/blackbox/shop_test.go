package blackbox_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A Shop is a database, its operator's command line, and the provider. All that it starts ends with
// its test, and then the provider must have been asked as it should be.
type Shop struct {
	*testing.T
	Folder    string // where commands run
	Database  string // its URL
	KeyFile   string // of master keys; "": serve makes one
	Provider  *connectortest.Provider
	Env       []string // of commands, beside the database's URL
	Program   string   // that is run; "": the one under test as it is
	MayRepeat bool     // the database has lost what it had confirmed: a task may be asked about for another plan than before
}

// ForEachDatabase runs a test on both.
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

func NewShop(t *testing.T) *Shop {
	s := &Shop{T: t, Folder: t.TempDir(), Provider: connectortest.NewProvider(t)}
	t.Cleanup(s.checkProvider)
	return s
}

// checkProvider holds how the provider was asked to the protocol.
func (s *Shop) checkProvider() {
	s.Helper()
	if !s.MayRepeat {
		s.Provider.CheckAll(s)
		return
	}
	if err := s.Provider.Check(); err != nil {
		for line := range strings.Lines(err.Error()) {
			if !strings.Contains(line, " came with another body") {
				s.Errorf("the provider was not asked as it should be: %s", line)
			}
		}
	}
}

func NewSQLiteShop(t *testing.T) *Shop {
	s := NewShop(t)
	s.Database = "sqlite:" + filepath.Join(s.Folder, "keyseat.db")
	return s
}

func NewPostgresShop(t *testing.T, url string) *Shop {
	s := NewShop(t)
	s.Database, s.KeyFile = url, filepath.Join(s.Folder, "master-keys")
	s.MustExec("master-key", "add", s.KeyFile)
	return s
}

// IsSQLite says whether the database is a file of ours, with one daemon at most.
func (s *Shop) IsSQLite() bool { return strings.HasPrefix(s.Database, "sqlite:") }

// MasterKeyPath is the file that serve reads, or has made.
func (s *Shop) MasterKeyPath() string {
	if s.KeyFile != "" {
		return s.KeyFile
	}
	return strings.TrimPrefix(s.Database, "sqlite:") + ".master-key"
}

// CheckDoctor holds that the doctor finds nothing, in what is sealed neither.
func (s *Shop) CheckDoctor() {
	s.Helper()
	if r := s.Exec("doctor", "--master-key-file", s.MasterKeyPath()); r.Code != 0 {
		s.Errorf("the doctor has found something: %s%s", r.Out, r.Err)
	}
}

// A Result is what a command left behind.
type Result struct {
	Out, Err string
	Code     int
}

// Exec runs a command to its end.
func (s *Shop) Exec(args ...string) Result { return s.ExecInput("", args...) }

// ExecInput runs a command with that on its standard input.
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

// Command is one that is killed, at the latest, when its test ends.
func (s *Shop) Command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.Context(), cmp.Or(s.Program, binary), args...)
	cmd.Dir, cmd.SysProcAttr = s.Folder, dieWithParent()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second // for what it has started and still holds its streams
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.Folder}, s.Env...)
	if s.Database != "" {
		cmd.Env = append(cmd.Env, "KEYSEAT_DATABASE="+s.Database)
	}
	return cmd
}

// MustExec runs a command that has to succeed, and gives what it printed.
func (s *Shop) MustExec(args ...string) string { return s.MustExecInput("", args...) }

func (s *Shop) MustExecInput(stdin string, args ...string) string {
	s.Helper()
	r := s.ExecInput(stdin, args...)
	if r.Code != 0 {
		s.Fatalf("keyseatd %s: status %d, %s", strings.Join(args[:2], " "), r.Code, r.Err)
	}
	return r.Out
}

// ImportKeys brings in the rows of a CSV file, the header first.
func (s *Shop) ImportKeys(rows ...string) {
	s.Helper()
	s.MustExecInput(strings.Join(rows, "\n")+"\n", "keys", "import", "-")
}

// AddKeys brings in keys that were never used.
func (s *Shop) AddKeys(codes ...string) {
	s.Helper()
	s.ImportKeys(append([]string{"code"}, codes...)...)
}

// ImportPlans brings in the rows of a CSV file of id, country, slots, address and invite.
func (s *Shop) ImportPlans(rows ...string) {
	s.Helper()
	s.MustExecInput("id,country,slots,address,invite\n"+strings.Join(rows, "\n")+"\n", "plans", "import", "-")
}

// A Plan is a line of plans list.
type Plan struct {
	ID                                string
	Country, State                    string
	Slots, Free, Held, Spent, Suspect int
}

// Plans lists the plans by their ids, after having checked that their counts add up.
func (s *Shop) Plans() map[string]Plan {
	s.Helper()
	var list []Plan
	s.ExecJSON(&list, "plans", "list")
	all := map[string]Plan{}
	for _, p := range list {
		if err := p.Check(); err != nil {
			s.Error(err)
		}
		all[p.ID] = p
	}
	return all
}

func (p Plan) Check() error {
	if p.Free+p.Held+p.Spent+p.Suspect != p.Slots || min(p.Free, p.Held, p.Spent, p.Suspect) < 0 {
		return fmt.Errorf("the counts of a plan do not add up: %+v", p)
	}
	return nil
}

// A Task is a line of tasks list.
type Task struct {
	ID, Code, Kind, State, Outcome, Plan, Slot string
	Attempts                                   int
	Leased                                     *string `json:"leased_until"`
	Due                                        *time.Time
	Ended                                      *string
}

func (s *Shop) Tasks(args ...string) []Task {
	s.Helper()
	var all []Task
	s.ExecJSON(&all, append([]string{"tasks", "list"}, args...)...)
	return all
}

// ExecJSON runs a command that lists, and reads what it prints for programs.
func (s *Shop) ExecJSON(into any, args ...string) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.MustExec(append(args, "--output", "json")...)), into); err != nil {
		s.Fatalf("keyseatd %s: %v", args[0], err)
	}
}
