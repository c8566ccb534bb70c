package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A provider is a connector that returns the result that the test sets.
type provider struct{ answer tasks.ConnectorResult }

func (p *provider) Do(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult { return p.answer }

// A shop is an engine on the database of a shell.
type shop struct {
	shell
	engine   tasks.Engine
	provider *provider
}

// serve returns a shop with plans and keys. Secrets are sealed with the master keys of a file.
func serve(sh shell) shop {
	sh.Helper()
	sh.feed("id,country,slots,address\nelm,US,3,1 High Street\n", "plans", "import", "-")
	sh.feed("code\nann\nbob\ncat\n", "keys", "import", "-")
	store, err := openStore(sh.Context(), strings.TrimPrefix(sh.env[0], "KEYSEAT_DATABASE="), bunstore.Options{})
	if err != nil {
		sh.Fatal(err)
	}
	sh.Cleanup(func() { _ = store.Close() })
	sh.ok("master-key", "add", sh.masterFile())
	ring, err := keyring.Open(sh.masterFile())
	if err != nil {
		sh.Fatal(err)
	}
	rules := tasks.DefaultRules()
	rules.Attempts = 1
	p := &provider{}
	return shop{sh, daemon.NewEngine(store, p, ring, rules), p}
}

func (sh shell) masterFile() string { return filepath.Join(sh.dir, "master.key") }

func (s shop) upgrade(code keys.Code) {
	s.Helper()
	err := s.engine.Accept(s.Context(), tasks.Request{
		Kind: tasks.Upgrade, Code: code, Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret("canary@example.com"), Password: tasks.NewSecret("canary-password")},
	})
	if err != nil {
		s.Fatal(err)
	}
}

// work leases all due tasks and calls the provider for each.
func (s shop) work(a tasks.ConnectorResult) {
	s.Helper()
	s.provider.answer = a
	jobs, err := s.engine.Lease(s.Context(), "test", 10, time.Minute)
	if err != nil {
		s.Fatal(err)
	}
	for _, job := range jobs {
		if r := s.engine.Work(s.Context(), s.Context(), job); r.Err != nil {
			s.Fatal(r.Err)
		}
	}
}

func TestTasks(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		s := serve(sh)
		s.upgrade("ann")
		s.work(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success, Username: "ann-at-provider"})
		s.upgrade("bob")
		s.work(tasks.ConnectorResult{Effect: tasks.Unknown, Note: "the connection was cut"})
		s.upgrade("cat")
		sh.golden(sh.ok("tasks", "list"), `
ID  CODE  KIND  COUNTRY  STATE  OUTCOME  PLAN  SLOT  ATTEMPTS  CREATED  DUE  ENDED
ID  ann  upgrade  US  ended  success  elm  spent  1  TIME  -  TIME
ID  bob  upgrade  US  suspect  system_error  elm  suspect  1  TIME  -  TIME
ID  cat  upgrade  US  open  -  elm  held  0  TIME  TIME  -
`)
		for state, want := range map[string]string{"any": "ann bob cat", "open": "cat", "ended": "ann bob", "suspect": "bob"} {
			var got []string
			for _, row := range sh.rows("tasks", "list", "--state", state) {
				code, _ := row["code"].(string)
				got = append(got, code)
				sh.recent(row["created"])
			}
			if strings.Join(got, " ") != want {
				sh.Errorf("%s: %v", state, got)
			}
		}
		sh.golden(sh.ok("tasks", "list", "--state=open", "--output=json"), `
[
{"id":"ID","code":"cat","kind":"upgrade","country":"US","state":"open","outcome":"","plan":"elm","slot":"held","asked":0,"in_doubt":false,"created":"TIME","due":"TIME","leased_until":null,"ended":null}
]
`)
		sh.golden(sh.ok("stock"), `
COUNTRY  SIZE  FREE  HELD  SPENT  SUSPECT  IDLE
US  3  0  1  1  1  0
`)
		sh.fails(exitFailed, "line 2: 2 slots are fewer than the 3 that are held, spent or suspect", "id,country,slots\nelm,US,2\n", "plans", "import", "-")
		if out := sh.ok("keys", "export"); !strings.Contains(out, "\ncat,,,0,,,,,,active,,0\n") {
			sh.Errorf("got %s", out)
		}
		sh.fails(exitFailed, "the key has an open task", "", "keys", "reset", "cat")
		s.retryAndResolve()
		s.noSecrets()
	})
}

// retryAndResolve retries and resolves the existing tasks.
func (s shop) retryAndResolve() {
	s.Helper()
	id := func(code string) string {
		for _, row := range s.rows("tasks", "list") {
			if row["code"] == code {
				id, _ := row["id"].(string)
				return id
			}
		}
		return ""
	}
	s.fails(exitFailed, "there is no such task", "", "tasks", "retry", "none")
	s.fails(exitFailed, "the task has ended", "", "tasks", "retry", id("bob"))
	s.golden(s.ok("tasks", "retry", id("cat")), "the task is due now\n")
	s.fails(exitFailed, "there is no such task", "", "plans", "release", "none")
	s.fails(exitFailed, "the task has spent no slot", "", "plans", "release", id("bob"))
	s.golden(s.ok("keys", "show", "bob"), `
code  bob
status  failed_upgrade
used  no
revoked  no
message  System error, try again and if the problem persists contact support

Its upgrade failed: the service failed, or gave no final answer: the connection was cut. It can be used again.

- The holder can try again.
- A slot of plan elm is suspect: check at the provider whether the holder's account has joined it. If it has, run `+"`keyseatd tasks resolve ID --outcome success`; if not, run `keyseatd tasks resolve ID --outcome system_error`."+`

AT  EVENT  TASK  KIND  OUTCOME  PLAN  FROM  TO  NOTE
TIME  imported  -  -  -  -  -  -  by ACTOR
TIME  accepted  ID  upgrade  -  elm  free  held  -
TIME  ended  ID  upgrade  system_error  elm  held  suspect  the connection was cut
`)
	s.fails(exitFailed, "there is no such task", "", "tasks", "resolve", "none", "--outcome", "success")
	s.fails(exitFailed, "the task has no suspect slot", "", "tasks", "resolve", id("cat"), "--outcome", "success")
	s.fails(exitFailed, "a task of this kind has no such outcome", "", "tasks", "resolve", id("bob"), "--outcome", "still_premium")
	s.golden(s.ok("tasks", "resolve", id("bob"), "--outcome", "success"), "the task is resolved as success\n")
	s.golden(s.ok("keys", "show", "bob"), `
code  bob
status  success
used  yes
revoked  no
last used  TIME
verify address  1 High Street

It is in use, since TIME, at “1 High Street”.

- The holder can renew it once the account has lost its place.

AT  EVENT  TASK  KIND  OUTCOME  PLAN  FROM  TO  NOTE
TIME  imported  -  -  -  -  -  -  by ACTOR
TIME  accepted  ID  upgrade  -  elm  free  held  -
TIME  ended  ID  upgrade  system_error  elm  held  suspect  the connection was cut
TIME  resolved  ID  upgrade  success  elm  suspect  spent  by ACTOR
`)
	s.golden(s.ok("stock"), `
COUNTRY  SIZE  FREE  HELD  SPENT  SUSPECT  IDLE
US  3  0  1  2  0  0
`)
	s.golden(s.ok("plans", "release", id("ann")), "the slot is free again\n")
	s.fails(exitFailed, "the task has spent no slot", "", "plans", "release", id("ann"))
	s.golden(s.ok("stock"), `
COUNTRY  SIZE  FREE  HELD  SPENT  SUSPECT  IDLE
US  3  1  1  1  0  0
`)
	if out := s.ok("keys", "show", "ann"); !strings.Contains(out, "released") || !strings.Contains(out, "It is in use") {
		s.Errorf("got %s", out)
	}
}

// noSecrets checks that no command prints a secret of an account while a task is open.
func (s shop) noSecrets() {
	s.Helper()
	for _, line := range []string{"tasks list", "tasks list --output json", "keys show cat", "keys show cat --output json", "keys export"} {
		if out := s.ok(strings.Fields(line)...); strings.Contains(out, "canary") || strings.Contains(strings.ToLower(out), "sealed") {
			s.Errorf("%s: %s", line, out)
		}
	}
}

func TestMasterKeys(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		s := serve(sh)
		s.upgrade("cat")
		second := strings.TrimSpace(sh.ok("master-key", "add", sh.masterFile()))
		third := strings.TrimSpace(sh.ok("master-key", "add", sh.masterFile()))
		prune := func() (dropped []string, kept string) {
			out, kept, status := sh.run("", "master-key", "prune", sh.masterFile())
			if status != exitDone {
				sh.Fatalf("prune: status %d, %s", status, kept)
			}
			return strings.Fields(out), kept
		}
		if dropped, kept := prune(); len(dropped) > 0 || strings.Count(kept, ": a daemon may still encrypt with it until ") != 2 {
			sh.Errorf("%q were dropped, which encrypted a moment ago; %s", dropped, kept)
		}
		sh.rest()
		dropped, kept := prune()
		if !strings.HasSuffix(kept, ": an open task needs it\n") {
			sh.Errorf("kept: %s", kept)
		}
		if second == third || len(dropped) != 1 || dropped[0] != second {
			sh.Fatalf("%s and %s were added, and %q was dropped", second, third, dropped)
		}
		s.work(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success})
		if state := sh.rows("tasks", "list")[0]["outcome"]; state != "success" {
			sh.Fatalf("the task ended as %v", state)
		}
		if dropped, _ := prune(); len(dropped) != 1 {
			sh.Errorf("%q were dropped", dropped)
		}
		if dropped := sh.ok("master-key", "prune", sh.masterFile()); dropped != "" {
			sh.Errorf("the last key was dropped: %s", dropped)
		}
		if out := sh.ok("master-key", "rotate", sh.masterFile(), "--key-period", "1m"); !regexp.MustCompile(`added \[[0-9a-f]{8}\], destroyed \[\], 0 older`).MatchString(out) {
			sh.Errorf("rotated: %s", out)
		}
		sh.fails(exitFailed, "file does not exist", "", "master-key", "prune", sh.masterFile()+".none")
	})
}

// rest makes the keys of the file two hours older.
func (sh shell) rest() {
	sh.Helper()
	text, err := os.ReadFile(sh.masterFile())
	if err == nil {
		made := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
		err = os.WriteFile(sh.masterFile(), regexp.MustCompile(`\S+Z\n`).ReplaceAll(text, []byte(made+"\n")), 0o600)
	}
	if err != nil {
		sh.Fatal(err)
	}
}
