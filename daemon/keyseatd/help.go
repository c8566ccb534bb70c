package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// errNoCommand is the error after the help, if the command line names no command.
var errNoCommand = errors.New("a command is missing")

// helpArgs converts "help keys" and "keys help" to "keys --help". It also adds --help to arguments that
// end before they name a command, such as "keys". In that case bare is true.
func helpArgs(node *kong.Node, args []string) (asked []string, bare bool) {
	for i, arg := range args {
		if len(node.Children) == 0 {
			return args, false
		}
		if arg == "help" {
			return append(slices.Delete(slices.Clone(args), i, i+1), "--help"), false
		}
		next := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == arg })
		if next < 0 {
			return args, false
		}
		node = node.Children[next]
	}
	if len(node.Children) == 0 {
		return args, false
	}
	return append(slices.Clone(args), "--help"), true
}

// examples returns the long help of a command: an explanation and example commands. The examples are
// indented, because kong keeps the line breaks of indented lines.
func examples(about string, lines ...string) string {
	var b strings.Builder
	if about != "" {
		b.WriteString(about + "\n\n")
	}
	b.WriteString("Examples:\n")
	for _, line := range lines {
		b.WriteString("\n    " + line)
	}
	return b.String()
}
