package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// completions returns the possible completions of the last word, separated by spaces.
func completions(sh shell, words ...string) string {
	sh.Helper()
	var all []string
	for line := range strings.Lines(sh.ok(append([]string{"complete"}, words...)...)) {
		text, _, found := strings.Cut(line, "\t")
		if !found {
			sh.Errorf("%q has no tab", line)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

var completionCases = map[string]string{ // words are separated by a space; an empty word follows the last space
	"ser":                            "serve",
	"keys re":                        "revoke restore reset",
	"keys show --output ":            "table json",
	"keys show --output=j":           "--output=json",
	"keys show --output = j":         "json",
	"keys show --output =":           "table json",
	"keys import --dry":              "--dry-run",
	"keys import --dry-run ":         "",
	"tasks resolve --outcome plan_e": "plan_expired",
	"tasks list --state open --st":   "--state",
	"tasks list --database x --sta":  "--state",
	"keys list --status fai":         "failed_upgrade failed",
	"keys list --output c":           "csv",
	"tasks list -- --sta":            "",
	"tasks list --nonsense=":         "",
	"completion ":                    "bash zsh fish",
	"completion bash ":               "",
	"compl":                          "completion",
	"plans release ":                 "",
	"nothing such ":                  "",
}

func TestComplete(t *testing.T) {
	sh := shell{T: t}
	for line, want := range completionCases {
		got := completions(sh, strings.Split(line, " ")...)
		if line == "nothing such " {
			continue // it must not fail; the result does not matter
		}
		if got != want {
			t.Errorf("%s: %s, not %s", line, got, want)
		}
	}
	if got := completions(sh); !strings.Contains(got, "keys plans tasks activity find stock") || strings.Contains(got, "complete ") {
		t.Errorf("got %s", got)
	}
	sh.fails(exitUsage, "<shell> must be one of", "", "completion", "powershell")
}

// TestCompletionInShells checks the completion in the shells themselves. A missing shell is an error
// unless programs may be missing for tests; then only the script is read. Bash is always present, because
// make and the README need it.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	program := "#!/bin/sh\n" + asProgram + "=1 exec '" + os.Args[0] + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "keyseatd"), []byte(program), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	sh := shell{T: t, dir: dir}
	for name, script := range map[string]string{
		"bash": `source "$1"; COMP_WORDS=(keyseatd keys show --output = j); COMP_CWORD=5; _keyseatd keyseatd; echo "${COMPREPLY[@]}"
			COMP_WORDS=(keyseatd keys re); COMP_CWORD=2; _keyseatd keyseatd; echo "${COMPREPLY[@]}"; complete -p keyseatd`,
		"fish": `source $argv[1]; complete -C 'keyseatd keys show --output j'; complete -C 'keyseatd keys re'; complete -C 'keyseatd plans retire '`,
		"zsh":  `compdef() { echo "$@" }; _describe() { echo $found }; _files() { echo files }; source "$1"; words=(keyseatd keys re); CURRENT=3; _keyseatd; words=(keyseatd plans retire ''); CURRENT=4; _keyseatd`,
	} {
		path := sh.file(name, sh.ok("completion", name))
		args := []string{"-c", script, name, path}
		if name == "fish" {
			args = []string{"-c", script, path}
		}
		if _, err := exec.LookPath(name); err != nil && name != "bash" && !pgtest.Required() {
			t.Logf("%s is not installed", name)
			continue
		}
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		for _, want := range map[string][]string{
			"bash": {"json\nrevoke restore reset\n", "-F _keyseatd keyseatd"},
			"fish": {"json\n", "reset\tMake a key usable again, whatever its state.\n", "restore\t", "revoke\t", "main.go\n"},
			"zsh":  {"_keyseatd keyseatd\n", "restore:Reverse the revocation of a key. reset:Make", "files\n"},
		}[name] {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: %q is not in\n%s", name, want, out)
			}
		}
	}
}
