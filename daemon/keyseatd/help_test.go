package main

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// TestExamples checks that the help of each command has examples, and that each example is valid. An
// example may also call a related command.
func TestExamples(t *testing.T) {
	parser, err := newParser(stdio{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		own := false
		for line := range strings.Lines(leaf.Detail) {
			call, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
			if indented {
				own = calls(t, call) == leaf.Target.Type() || own
			}
		}
		if !own {
			t.Errorf("%s has no example", leaf.FullPath())
		}
	}
}

// documents returns the README, the pages of daemon/docs and the other Markdown files for users, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../docs/*.md", "../../examples/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all[path] = string(text)
		}
	}
	return all
}

// TestDocumentedCalls checks that each call of keyseatd in a block of commands is valid.
func TestDocumentedCalls(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	call := regexp.MustCompile(`(?m)(?:^|[|(]\s*)((?:\./)?keyseatd (?:\S#|[^#\n])*)`)
	n := 0
	for path, text := range documents(t) {
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			for _, found := range call.FindAllStringSubmatch(b[1], -1) {
				line := strings.NewReplacer("./keyseatd", "keyseatd", `"$NEW_DATABASE"`, "sqlite:x").Replace(strings.TrimSpace(found[1]))
				if calls(t, line) == nil {
					t.Errorf("in %s", path)
				}
				n++
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d calls", n)
	}
}

// TestDocumentedFlags checks that each flag in the text of a document is one of keyseatd, or of a named other program.
func TestDocumentedFlags(t *testing.T) {
	parser, err := newParser(stdio{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	known := []string{
		"--length", "--only", "--list", "--quick", "--growth", "--keep", // of daemon/soak and daemon/bench
		"--plain",
		"--cookie-expire", // of oauth2-proxy
	}
	for _, leaf := range parser.Model.Leaves(true) {
		for _, group := range leaf.AllFlags(false) {
			for _, flag := range group {
				known = append(known, "--"+flag.Name)
			}
		}
	}
	code, flag := regexp.MustCompile("`[^`\n]+`"), regexp.MustCompile(`(?:^|[\s`+"`"+`])(--[a-z][a-z-]*)`)
	for path, text := range documents(t) {
		text = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
		for _, span := range code.FindAllString(text, -1) {
			for _, found := range flag.FindAllStringSubmatch(span, -1) {
				if !slices.Contains(known, found[1]) {
					t.Errorf("%s: %s in %s does not exist", path, found[1], span)
				}
			}
		}
	}
}

// TestCommandsPage checks that the page on commands lists every command.
func TestCommandsPage(t *testing.T) {
	parser, err := newParser(stdio{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	page := documents(t)["../docs/commands.md"]
	for _, leaf := range parser.Model.Leaves(true) {
		group, own, inGroup := strings.Cut(leaf.FullPath()[len("keyseatd "):], " ")
		row := regexp.MustCompile("(?m)^\\| .*`" + group + "[` ].*$")
		if !slices.ContainsFunc(row.FindAllString(page, -1), func(r string) bool {
			return !inGroup || strings.Contains(r, "`"+group+" "+own+"`") || strings.Contains(r, "`"+own+"`")
		}) {
			t.Errorf("the page does not list %s %s", group, own)
		}
	}
}

// TestDocumentedConfig reads the file of settings of the page on commands.
func TestDocumentedConfig(t *testing.T) {
	const mark = "config"
	_, rest, _ := strings.Cut(documents(t)["../docs/commands.md"], "<!-- test: "+mark+" -->\n```json\n")
	text, _, found := strings.Cut(rest, "```\n")
	file := filepath.Join(t.TempDir(), "keyseat.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, err := parse([]string{"serve", "--connector", "sim", "--config", file}, stdio{})
	if s, is := cmd.(*serveCmd); !found || err != nil || !is || s.Workers != 32 {
		t.Errorf("%v, %v", found, err)
	}
}

// calls returns the type of the command that a shell line calls.
func calls(t *testing.T, line string) reflect.Type {
	t.Helper()
	_, call, found := strings.Cut(line, "keyseatd ")
	if !found {
		t.Errorf("%s calls nothing", line)
		return nil
	}
	call, _, _ = strings.Cut(call, ">")
	call, _, _ = strings.Cut(call, "|")
	call, _, _ = strings.Cut(call, ")")
	cmd, err := parse(shellWords(call), stdio{})
	if err != nil || cmd == nil {
		t.Errorf("%s: %v", line, err)
		return nil
	}
	return reflect.TypeOf(cmd).Elem()
}

var shellWord = regexp.MustCompile(`(?:'[^']*'|\\.|[^\s'])+`)

// shellWords splits a shell line. It supports only single quotes and backslashes.
func shellWords(line string) []string {
	words := shellWord.FindAllString(line, -1)
	for i, w := range words {
		words[i] = regexp.MustCompile(`'([^']*)'|\\(.)`).ReplaceAllString(w, "$1$2")
	}
	return words
}

// TestAdvice checks that every command in a key's explanation is valid, whatever the key's code.
func TestAdvice(t *testing.T) {
	command := regexp.MustCompile("`(keyseatd [^`]*)`")
	advised := map[string]reflect.Type{}
	for _, code := range []keys.Code{"0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN", "-gone", "it's", "$(x);y"} {
		for _, status := range keys.Statuses() {
			for _, slot := range []stock.State{stock.Spent, stock.Suspect, stock.Held} {
				for _, outcome := range append(tasks.Outcomes(tasks.Upgrade), tasks.StillPremium, "") {
					for _, revoked := range []bool{false, true} {
						v := tasks.Snapshot{
							Key:  keys.Key{Code: code, Version: 1, Status: status, Revoked: revoked},
							Task: &tasks.Task{ID: "K7QZ", Kind: tasks.Upgrade, Slot: slot, Outcome: outcome, Attempts: 1},
						}
						if outcome != "" {
							v.Task.EndedAt = v.At.Add(1)
						}
						for _, next := range view.Explain(v, nil).Next {
							for _, call := range command.FindAllStringSubmatch(next, -1) {
								if advised[call[1]] == nil {
									advised[call[1]] = calls(t, call[1])
								}
							}
						}
					}
				}
			}
		}
	}
	kinds := slices.CompactFunc(slices.Sorted(maps.Keys(advised)), func(x, y string) bool { return advised[x] == advised[y] })
	if len(kinds) < 7 {
		t.Errorf("only %q are advised", kinds)
	}
}

// TestHelpFits checks that the help of every command fits a terminal of 80 columns.
func TestHelpFits(t *testing.T) {
	sh := shell{T: t, env: []string{"COLUMNS=80"}}
	parser, err := newParser(stdio{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		out := sh.ok(append(strings.Fields(leaf.Path()), "--help")...)
		for line := range strings.Lines(out) {
			if runewidth.StringWidth(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("%s: %s", leaf.Path(), line)
			}
		}
		if !strings.Contains(out, "Examples:\n\n    ") {
			t.Errorf("%s shows no example:\n%s", leaf.Path(), out)
		}
	}
}
