package main

import (
	"bytes"
	"testing"
)

// helpOf returns what a command line without the commands of the skipped patterns prints, and the number of its
// commands.
func helpOf(t *testing.T, args []string, skipped ...string) (help string, commands int) {
	t.Helper()
	var out bytes.Buffer
	parser, err := newParser(stdio{out: &out, err: &out}, func(int) {}, skipped...)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = parser.Parse(args) // it goes on after the help, because nothing exits
	return out.String(), len(parser.Model.Children)
}

// TestOtherCommands checks that a process prepares only the command of its arguments, and that its help is the same as
// with all commands. The hidden commands list all others, so they need all.
func TestOtherCommands(t *testing.T) {
	parser, err := newParser(stdio{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range parser.Model.Children {
		args := []string{cmd.Name, "--help"}
		want, _ := helpOf(t, args)
		if help, n := helpOf(t, args, otherCommands(args)...); help != want || (help == "") != cmd.Passthrough || (n == 1) == cmd.Hidden {
			t.Errorf("%s, of %d commands:\n%s\nwithout the others:\n%s", cmd.Name, n, want, help)
		}
	}
	for _, args := range [][]string{nil, {"--help"}, {"help", "keys"}, {"--config", "keys", "keys"}, {"unknown"}} {
		if skipped := otherCommands(args); skipped != nil {
			t.Errorf("%q: %q are skipped", args, skipped)
		}
	}
}
