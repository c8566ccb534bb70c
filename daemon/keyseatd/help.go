package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// errNoCommand follows the help that is shown where a command is missing.
var errNoCommand = errors.New("a command is missing")

// helpArgs turns "help keys" and "keys help" into "keys --help". It does the same with arguments that end
// before they name a command ("keys"), and says so: bare.
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

// examples is the longer help of a command: what there is to know, and how it is called. Kong keeps
// the lines of what is indented.
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
