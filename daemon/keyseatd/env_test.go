package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEnvironment checks that a variable sets its setting, that a flag overrides it, and that an empty
// variable counts as not set.
func TestEnvironment(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t, env: []string{"KEYSEAT_DATABASE=sqlite:elsewhere.db", "KEYSEAT_FILE=", "ODD"}}
	sh.ok("keys", "generate", "--count", "3")
	sh.ok("migrate", "--database=sqlite:flag.db")
	sh.env = []string{"KEYSEAT_DATABASE="}
	sh.ok("migrate")
	for _, name := range []string{"elsewhere.db", "flag.db", "keyseat.db"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	sh.env = []string{"KEYSEAT_WORKERS=three"}
	sh.fails(exitUsage, "--workers", "", "serve", "--connector=sim")
}

// TestVariablesAreSettings checks that a variable cannot set a flag that is not a setting.
func TestVariablesAreSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t}
	sh.file("plans.csv", "id,country,slots\np1,US,1\n")
	sh.ok("plans", "import", "plans.csv")
	sh.env = []string{"KEYSEAT_COUNT=5", "KEYSEAT_OUTPUT=json", "KEYSEAT_REPAIR=true", "KEYSEAT_DRY_RUN=true", "KEYSEAT_STATE=open"}
	out, err, status := sh.run("", "keys", "generate")
	if status != exitUsage || out != "" || !strings.Contains(err, "missing flags: --count=N") {
		t.Errorf("status %d\n%s%s", status, out, err)
	}
	out, err, status = sh.run("", "stock")
	if status != exitDone || strings.HasPrefix(out, "[") || strings.Count(err, "has no effect: it is not a setting of keyseatd\n") != len(sh.env) {
		t.Errorf("status %d\n%s%s", status, out, err)
	}
}

// TestUnknownVariables checks the warnings about variables. A variable that looks like a setting and has
// no effect gets a warning with the probable setting. A variable of another program gets no warning.
func TestUnknownVariables(t *testing.T) {
	dir := t.TempDir()
	database := "KEYSEAT_DATABASE=sqlite:" + filepath.Join(dir, "k.db")
	for pair, want := range map[string]string{
		"KEYSEAT_CONECTOR=sim":                      "the variable KEYSEAT_CONECTOR has no effect: did you mean KEYSEAT_CONNECTOR?",
		"KEYSEAT_TRUSTED_PROXY=::1":                 "the variable KEYSEAT_TRUSTED_PROXY has no effect: it is not a setting of keyseatd",
		"KEYSEAT_DATABSE=sqlite:x.db":               "the variable KEYSEAT_DATABSE has no effect: did you mean KEYSEAT_DATABASE?",
		"keyseat_workers=3":                         "the variable keyseat_workers has no effect: did you mean KEYSEAT_WORKERS?",
		"\ufeffKEYSEAT_WORKERS=3":                   "the variable \ufffdKEYSEAT_WORKERS has no effect: did you mean KEYSEAT_WORKERS?",
		"KEYSEAT_SOMETHING=1":                       "the variable KEYSEAT_SOMETHING has no effect: it is not a setting of keyseatd",
		"KEYSEAT_CONECTOR=":                         "",
		"KEYSEAT_WORKERS=3":                         "",
		"KEYSEATING=1":                              "",
		"KEYSEAT_REQUIRE_POSTGRES=1":                "",
		"KEYSEAT_PORT_8080_TCP=tcp://10.0.0.1:8080": "",
		"KEYSEAT_ADMIN_PORT=tcp://10.0.0.1:8081":    "",
		"KEYSEAT_SERVICE_PORT_HTTP=8080":            "",
		"KEYSEAT_PRIMARY_SERVICE_HOST=10.0.0.1":     "",
	} {
		sh := shell{T: t, env: []string{database, pair}}
		if want != "" {
			want = "keyseatd: warning: " + want + "\n"
		}
		if _, err, status := sh.run("", "migrate"); status != exitDone || err != want {
			t.Errorf("%s: status %d, %q, not %q", pair, status, err, want)
		}
		if _, err, status := sh.run("", "complete", "keys", "re"); status != exitDone || err != "" {
			t.Errorf("%s: status %d, %q", pair, status, err)
		}
	}
	sh := shell{T: t, env: []string{database, "KEYSEAT_CONECTOR=sim", "KEYSEAT_LOG_FORMAT=json"}}
	if _, err, _ := sh.run("", "config", "--connector=sim"); !strings.HasPrefix(err, `{"level":"warn"`) || !strings.Contains(err, "did you mean KEYSEAT_CONNECTOR?") {
		t.Errorf("%s", err)
	}
}

// TestInvisibleCharacters checks that invisible characters in a setting are refused, whatever its source.
// No file with such a name is created.
func TestInvisibleCharacters(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t}
	for pair, want := range map[string]string{
		"KEYSEAT_DATABASE=sqlite:k.db\r":        "the variable KEYSEAT_DATABASE has a carriage return (U+000D): save the file with the line ends of Unix",
		"KEYSEAT_DATABASE=sqlite:k.db ":         "the variable KEYSEAT_DATABASE has white space at its start or its end: remove it",
		"KEYSEAT_DATABASE=sqlite:k\u200b.db":    "the variable KEYSEAT_DATABASE has the invisible character U+200B: remove it",
		"KEYSEAT_LISTEN=127.0.0.1:0\r":          "the variable KEYSEAT_LISTEN has a carriage return",
		"KEYSEAT_WORKERS=3\r":                   "the variable KEYSEAT_WORKERS has a carriage return",
		"KEYSEAT_LOG_LEVEL=info\r":              "the variable KEYSEAT_LOG_LEVEL has a carriage return",
		"KEYSEAT_NO_GET_SECRETS=true\r":         "the variable KEYSEAT_NO_GET_SECRETS has a carriage return",
		"KEYSEAT_TRUSTED_PROXIES=::1\r":         "the variable KEYSEAT_TRUSTED_PROXIES has a carriage return",
		"KEYSEAT_MASTER_KEY_FILE=\x01":          "the variable KEYSEAT_MASTER_KEY_FILE has the invisible character U+0001",
		"KEYSEAT_CONFIG=config.json\r":          "the variable KEYSEAT_CONFIG has a carriage return",
		"KEYSEAT_CONNECTOR=https://u:s3cret@\r": "the variable KEYSEAT_CONNECTOR has a carriage return",
	} {
		sh.env = []string{pair}
		sh.fails(exitUsage, want, "", "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0")
		if _, err, _ := sh.run("", "serve"); strings.Contains(err, "s3cret") {
			t.Errorf("%s", err)
		}
	}
	sh.env = nil
	for text, want := range map[string]string{
		`{"database": "sqlite:k.db\r"}`:      "line 1: database has a carriage return (U+000D)",
		`{"connector": " sim"}`:              "line 1: connector has white space at its start or its end",
		`{"trusted-proxies": ["::1\u0000"]}`: "line 1: trusted-proxies has the invisible character U+0000",
		`{"master-key-file": "\ufeffkeys"}`:  "line 1: master-key-file has the invisible character U+FEFF",
	} {
		sh.fails(exitUsage, want, "", "serve", "--config", sh.file("config.json", text))
	}
	for _, args := range [][]string{
		{"migrate", "--database", "sqlite:k.db\r"},
		{"migrate", "--database=sqlite:k\n.db"},
		{"--config=a\x7f", "config", "--connector=sim"},
		{"master-key", "add", "keys\r"},
		{"admin-token", "add", "tokens\r", "--name=a", "--role=read"},
		{"archive", "--before=2020-01-01", "--to=a\x1bb"},
		{"keys", "import", "keys.csv\r"},
		{"config", "--connector=sim", "--master-key-file=keys\r"},
	} {
		sh.fails(exitUsage, "", "", args...)
	}
	if left, err := filepath.Glob("[^c]*"); err != nil || len(left) > 0 {
		t.Errorf("%q were made, %v", left, err)
	}
}

// TestLists checks that white space around the items of a list is removed, whatever the list's source.
func TestLists(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	file := sh.file("config.json", `{"trusted-proxies": ["127.0.0.1", " 10.0.0.0/8 "]}`)
	for _, c := range []struct {
		env  string
		args []string
	}{
		{"KEYSEAT_TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8 ", nil},
		{"", []string{"--trusted-proxies=127.0.0.1, 10.0.0.0/8"}},
		{"", []string{"--trusted-proxies", " 127.0.0.1", "--trusted-proxies", "10.0.0.0/8\t"}},
		{"", []string{"--config", file}},
		{"KEYSEAT_TRUSTED_PROXIES=::1, ::2", []string{"--trusted-proxies=127.0.0.1,10.0.0.0/8"}},
	} {
		sh.env = []string{c.env}
		for _, row := range sh.rows(append([]string{"config", "--connector=sim"}, c.args...)...) {
			if row["name"] == "trusted-proxies" && row["value"] != "127.0.0.1,10.0.0.0/8" {
				t.Errorf("%+v: %s", c, row["value"])
			}
		}
	}
	sh.env = []string{"KEYSEAT_TRUSTED_PROXIES=127.0.0.1,10.0.0.0/40"}
	sh.failsAfter("NAME", exitUsage, "--trusted-proxies[1] must be an address or a network, such as 10.0.0.0/8", "", "config", "--connector=sim")
}

// TestEmptyAdminListen checks that an empty variable turns the admin listener off, as its help states. An
// empty variable of another setting leaves the default.
func TestEmptyAdminListen(t *testing.T) {
	sh := shell{T: t, env: []string{"KEYSEAT_ADMIN_LISTEN=", "KEYSEAT_LISTEN="}}
	got := map[any]any{}
	for _, row := range sh.rows("config", "--connector=sim") {
		got[row["name"]] = [2]any{row["value"], row["source"]}
	}
	if got["admin-listen"] != [2]any{"", "environment"} || got["listen"] != [2]any{"127.0.0.1:8080", "default"} {
		t.Errorf("%v, %v", got["admin-listen"], got["listen"])
	}
}
