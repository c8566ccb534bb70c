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

// A shop is a database, its operator's command line, and the provider. All that it starts ends with
// its test, and then the provider must have been asked as it should be.
type shop struct {
	*testing.T
	folder   string // where commands run
	database string // its URL
	keyFile  string // of master keys; "": serve makes one
	provider *connectortest.Provider
	env      []string // of commands, beside the database's URL
	program  string   // that is run; "": the one under test as it is
	misled   bool     // the database has lost what it had confirmed: a task may be asked about for another plan than before
}

// eachDatabase runs a test on both.
func eachDatabase(t *testing.T, test func(s *shop)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(onSQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(onPostgres(t, pgtest.URL(t)))
	})
}

func newShop(t *testing.T) *shop {
	s := &shop{T: t, folder: t.TempDir(), provider: connectortest.NewProvider(t)}
	t.Cleanup(s.checkProvider)
	return s
}

// checkProvider holds how the provider was asked to the protocol.
func (s *shop) checkProvider() {
	s.Helper()
	if !s.misled {
		s.provider.CheckAll(s)
		return
	}
	if err := s.provider.Check(); err != nil {
		for line := range strings.Lines(err.Error()) {
			if !strings.Contains(line, " came with another body") {
				s.Errorf("the provider was not asked as it should be: %s", line)
			}
		}
	}
}

func onSQLite(t *testing.T) *shop {
	s := newShop(t)
	s.database = "sqlite:" + filepath.Join(s.folder, "keyseat.db")
	return s
}

func onPostgres(t *testing.T, url string) *shop {
	s := newShop(t)
	s.database, s.keyFile = url, filepath.Join(s.folder, "master-keys")
	s.must("master-key", "add", s.keyFile)
	return s
}

// embedded says whether the database is a file of ours, with one daemon at most.
func (s *shop) embedded() bool { return strings.HasPrefix(s.database, "sqlite:") }

// masterKeys is the file that serve reads, or has made.
func (s *shop) masterKeys() string {
	if s.keyFile != "" {
		return s.keyFile
	}
	return strings.TrimPrefix(s.database, "sqlite:") + ".master-key"
}

// well holds that the doctor finds nothing, in what is sealed neither.
func (s *shop) well() {
	s.Helper()
	if r := s.cli("doctor", "--master-key-file", s.masterKeys()); r.code != 0 {
		s.Errorf("the doctor has found something: %s%s", r.out, r.err)
	}
}

// A result is what a command left behind.
type result struct {
	out, err string
	code     int
}

// cli runs a command to its end.
func (s *shop) cli(args ...string) result { return s.feed("", args...) }

// feed runs a command with that on its standard input.
func (s *shop) feed(stdin string, args ...string) result {
	s.Helper()
	var out, err bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	failed := cmd.Run()
	var status *exec.ExitError
	if failed != nil && !errors.As(failed, &status) {
		s.Fatal(failed)
	}
	return result{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// command is one that is killed, at the latest, when its test ends.
func (s *shop) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.Context(), cmp.Or(s.program, binary), args...)
	cmd.Dir, cmd.SysProcAttr = s.folder, leash()
	cmd.Cancel = func() error { return finish(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second // for what it has started and still holds its streams
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.folder}, s.env...)
	if s.database != "" {
		cmd.Env = append(cmd.Env, "KEYSEAT_DATABASE="+s.database)
	}
	return cmd
}

// must runs a command that has to succeed, and gives what it printed.
func (s *shop) must(args ...string) string { return s.mustFeed("", args...) }

func (s *shop) mustFeed(stdin string, args ...string) string {
	s.Helper()
	r := s.feed(stdin, args...)
	if r.code != 0 {
		s.Fatalf("keyseatd %s: status %d, %s", strings.Join(args[:2], " "), r.code, r.err)
	}
	return r.out
}

// importKeys brings in the rows of a CSV file, the header first.
func (s *shop) importKeys(rows ...string) {
	s.Helper()
	s.mustFeed(strings.Join(rows, "\n")+"\n", "keys", "import", "-")
}

// fresh brings in keys that were never used.
func (s *shop) fresh(codes ...string) {
	s.Helper()
	s.importKeys(append([]string{"code"}, codes...)...)
}

// importPlans brings in the rows of a CSV file of id, country, slots, address and invite.
func (s *shop) importPlans(rows ...string) {
	s.Helper()
	s.mustFeed("id,country,slots,address,invite\n"+strings.Join(rows, "\n")+"\n", "plans", "import", "-")
}

// A plan is a line of plans list.
type plan struct {
	ID                                string
	Country, State                    string
	Slots, Free, Held, Spent, Suspect int
}

// plans lists the plans by their ids, after having checked that their counts add up.
func (s *shop) plans() map[string]plan {
	s.Helper()
	var list []plan
	s.list(&list, "plans", "list")
	all := map[string]plan{}
	for _, p := range list {
		if err := p.check(); err != nil {
			s.Error(err)
		}
		all[p.ID] = p
	}
	return all
}

func (p plan) check() error {
	if p.Free+p.Held+p.Spent+p.Suspect != p.Slots || min(p.Free, p.Held, p.Spent, p.Suspect) < 0 {
		return fmt.Errorf("the counts of a plan do not add up: %+v", p)
	}
	return nil
}

// A task is a line of tasks list.
type task struct {
	ID, Code, Kind, State, Outcome, Plan, Slot string
	Asked                                      int
	Leased                                     *string `json:"leased_until"`
	Due                                        *time.Time
	Ended                                      *string
}

func (s *shop) tasks(args ...string) []task {
	s.Helper()
	var all []task
	s.list(&all, append([]string{"tasks", "list"}, args...)...)
	return all
}

// list runs a command that lists, and reads what it prints for programs.
func (s *shop) list(into any, args ...string) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.must(append(args, "--output", "json")...)), into); err != nil {
		s.Fatalf("keyseatd %s: %v", args[0], err)
	}
}
