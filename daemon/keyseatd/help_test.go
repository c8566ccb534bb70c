package main

import (
	"maps"
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
