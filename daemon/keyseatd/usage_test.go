package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t, dir: "."}
	for line, want := range map[string]string{
		"sell":                                 "unexpected argument sell",
		"--colour":                             "unknown flag --colour",
		"migrate --database mysql://u:pw@h/d":  "--database must be sqlite:PATH or a postgres:// URL",
		"migrate --database sqlite:":           "--database must be",
		"migrate --database keyseat.db":        "--database must be",
		"migrate now":                          "unexpected argument now",
		"migrate --shards 4":                   "--shards needs --distribute",
		"master-key add":                       "expected \"<file>\"",
		"keys generate":                        "missing flags: --count=N",
		"keys generate --count 0":              "--count must be at least 1",
		"keys generate --count=-3":             "--count must be at least 1",
		"keys generate --count 1000001":        "--count must be at most 1000000",
		"keys generate --count many":           "--count: expected a valid 64 bit int",
		"keys generate --count 1 --order \x07": "--order must be UTF-8 with no control characters",
		"keys import":                          "expected \"<file>\"",
		"keys import a b":                      "unexpected argument b",
		"keys show":                            "expected \"<code>\"",
		"keys list --status lost":              "--status must be one of \"active\",\"in_queue\"",
		"keys list --bought-after lately":      "--bought-after: must be a time such as",
		"keys list --country nowhere":          "--country: must be an ISO 3166-1 alpha-2 code",
		"tasks list --outcome maybe":           "--outcome must be one of \"success\"",
		"find":                                 "expected \"<text>\"",
		"keys restore":                         "expected \"<code>\"",
		"plans retire":                         "expected \"<id>\"",
		"plans release":                        "expected \"<task>\"",
		"completion":                           "expected \"<shell>\"",
		"tasks list --state lost":              "--state must be one of \"any\",\"open\",\"waiting\",\"running\"",
		"tasks resolve x":                      "missing flags: --outcome=OUTCOME",
		"tasks resolve x --outcome maybe":      "--outcome must be one of \"success\",\"system_error\"",
		"stock --output xml":                   "--output must be one of \"table\",\"json\"",
	} {
		sh.fails(exitUsage, want, "", strings.Fields(line)...)
	}
	if left, err := filepath.Glob("*"); err != nil || len(left) > 0 {
		t.Errorf("%q were made, %v", left, err)
	}
}

// TestUsageTellsNoSecret checks that an error does not repeat a URL with a password.
func TestUsageTellsNoSecret(t *testing.T) {
	for _, url := range []string{"mysql://u:hunter2@h/d", "postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=1", "postgres://u:hunter2@[::1/%zz"} {
		sh := shell{T: t, env: []string{"KEYSEAT_DATABASE=" + url}}
		out, err, status := sh.run("", "stock")
		if status == 0 || strings.Contains(out+err, "hunter2") || strings.Count(err, "\n") != 1 {
			t.Errorf("status %d, %s%s", status, out, err)
		}
	}
}

func TestHelp(t *testing.T) {
	sh := shell{T: t}
	for _, args := range [][]string{{"--help"}, {"-h"}, {"keys", "--help"}, {"keys", "import", "--help"}, {"tasks", "resolve", "-h"}} {
		if out := sh.ok(args...); !strings.HasPrefix(out, "Usage: keyseatd") {
			t.Errorf("%q: %s", args, out)
		}
	}
	if out := sh.ok("keys", "generate", "--help"); !strings.Contains(out, "sqlite:keyseat.db; $KEYSEAT_DATABASE") || strings.Contains(out, "KEYSEAT_COUNT") {
		t.Errorf("%s", out)
	}
	if out := sh.ok("--version"); !strings.HasPrefix(out, "keyseatd ") {
		t.Errorf("%s", out)
	}
}

// TestEveryFlag checks that every command can be run, and that each flag has a line of help. A flag must
// have a variable exactly if it is --config or a flag that serve has too.
func TestEveryFlag(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.FlagNamer(kebabCase), kong.Vars{"version": "", "outcomes": "a", "statuses": "a", "actions": "a"})
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(false)
	if len(leaves) < 15 {
		t.Errorf("only %d commands", len(leaves))
	}
	serve := leaves[slices.IndexFunc(leaves, func(leaf *kong.Node) bool { return leaf.Name == "serve" })]
	for _, leaf := range leaves {
		if _, ok := leaf.Target.Addr().Interface().(command); !ok || leaf.Help == "" {
			t.Errorf("%s has no Run or no help", leaf.FullPath())
		}
		_ = fieldRules.Struct(leaf.Target.Interface()) // an unknown rule panics; nothing else is tested here
		for _, f := range leaf.Flags {
			want := ""
			if slices.ContainsFunc(serve.Flags, func(s *kong.Flag) bool { return s.Name == f.Name }) {
				want = "KEYSEAT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			}
			if f.Help == "" || variable(f) != want {
				t.Errorf("%s --%s: %q, %q", leaf.FullPath(), f.Name, variable(f), f.Help)
			}
		}
	}
}

func TestFlagNames(t *testing.T) {
	for field, want := range map[string]string{
		"Database": "database", "TLSCert": "tls-cert", "NoGetSecrets": "no-get-secrets", "ID": "id", "TaskID": "task-id", "A": "a",
	} {
		if got := kebabCase(field); got != want {
			t.Errorf("%s is %s", field, got)
		}
	}
}

// TestNoDatabase checks that only the commands that fill a store create a database.
func TestNoDatabase(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t}
	sh.file("master.key", "")
	for _, line := range []string{
		"keys export", "keys show A", "keys revoke A", "keys restore A", "keys reset A", "plans list", "plans retire p", "plans release t",
		"tasks list", "tasks retry t", "tasks resolve t --outcome success", "stock", "master-key prune master.key", "master-key rotate master.key",
	} {
		sh.fails(exitFailed, "no database at keyseat.db", "", strings.Fields(line)...)
		sh.fails(exitFailed, "no database at no/such.db", "", strings.Fields(line+" --database sqlite:no/such.db")...)
	}
	sh.fails(exitFailed, "no-such.csv: no such file", "", "keys", "import", "no-such.csv")
	sh.fails(exitFailed, "line 1: the file is empty", "", "plans", "import", "-")
	if _, err := os.Stat("keyseat.db"); err == nil {
		t.Error("a database was made")
	}
	for line, input := range map[string]string{
		"migrate": "", "keys import -": "code\n", "keys generate --count 1": "", "plans import -": "id,country,slots\n",
	} {
		path := filepath.Join(t.TempDir(), "new.db")
		sh.feed(input, strings.Fields(line+" --database sqlite:"+path)...)
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestProgram runs the program as a separate process.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{"--version", 0, "keyseatd ", ""},
		{"keys generate --count 2 --order o-1", 0, "-", ""},
		{"keys export", 0, ",o-1,0,", ""},
		{"keys show nothing", 1, "", "keyseatd: there is no such key: `keyseatd find` finds one by its order, username or task\n"},
		{"keys show", 2, "", "keyseatd: expected"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], strings.Fields(c.line)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), asProgram+"=1", "KEYSEAT_DATABASE=sqlite:keyseat.db")
		var out, err strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &err
		_ = cmd.Run() // the exit status is checked below
		if got := cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(out.String(), c.stdout) || !strings.HasPrefix(err.String(), c.stderr) {
			t.Errorf("%s: status %d\n%s%s", c.line, got, &out, &err)
		}
	}
}
