package main

import (
	"context"
	"embed"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

//go:embed completion
var completionScripts embed.FS

// Run prints the completion script of the shell. The script calls "keyseatd complete" at each tab, so it never becomes
// outdated.
func (k *completionCmd) Run(_ context.Context, c stdio) error {
	script, err := completionScripts.ReadFile("completion/keyseatd." + k.Shell)
	if err != nil {
		return err
	}
	_, err = c.out.Write(script)
	return err
}

// A commandTree is embedded in a command that needs the names and help texts of all commands.
type commandTree struct {
	root *kong.Node `kong:"-"`
}

func (t *commandTree) AfterApply(c *kong.Context) error { //nolint:unparam // kong calls only a method that returns an error
	t.root = c.Model.Node
	return nil
}

// completeCmd is the command "keyseatd complete". The completion scripts call it.
type completeCmd struct {
	commandTree
	Words []string `arg:"" optional:"" help:"The words after keyseatd, the last of them perhaps half typed or empty."`
}

// Run prints the completions of the last word, one per line: the word, a tab and its help text.
func (k *completeCmd) Run(_ context.Context, c stdio) error {
	for _, found := range complete(k.root, k.Words) {
		if _, err := io.WriteString(c.out, found.text+"\t"+found.help+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// A candidate is a possible completion of a word, with its help text.
type candidate struct{ text, help string }

// complete returns the possible completions of the last word. The argument words has all words after the program's
// name. The result is empty for file names, and for values such as codes, because complete does not read the database.
func complete(root *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	w := &parserState{node: root}
	last := len(words) - 1
	for _, word := range words[:last] {
		w.step(word)
	}
	if words[last] == "=" {
		words[last] = "" // bash passes = as a separate word
	}
	var found []candidate
	for _, c := range w.candidates(words[last]) {
		if strings.HasPrefix(c.text, words[last]) {
			found = append(found, c)
		}
	}
	return found
}

// A parserState is the state of the parser after some words of the command line.
type parserState struct {
	node    *kong.Node
	flag    *kong.Flag // the flag whose value comes next; nil: none
	args    int        // the number of positional arguments so far
	literal bool       // the word "--" has come, so no later word is a flag
}

func (w *parserState) step(word string) {
	switch {
	case word == "=": // separates a flag from its value
	case w.flag != nil:
		w.flag = nil
	case word == "--":
		w.literal = true
	case strings.HasPrefix(word, "-") && !w.literal:
		if f := w.find(word); f != nil && !f.IsBool() {
			w.flag = f
		}
	default:
		i := slices.IndexFunc(w.node.Children, func(child *kong.Node) bool { return child.Name == word })
		if i < 0 {
			w.args++
			return
		}
		w.node = w.node.Children[i]
	}
}

// find returns the flag with a name such as --output, or nil.
func (w *parserState) find(name string) *kong.Flag {
	for _, f := range w.flags() {
		if name == "--"+f.Name {
			return f
		}
	}
	return nil
}

func (w *parserState) flags() []*kong.Flag { return slices.Concat(w.node.AllFlags(true)...) }

func (w *parserState) candidates(word string) (all []candidate) {
	name, _, assigned := strings.Cut(word, "=")
	isFlag := strings.HasPrefix(word, "-") && !w.literal
	switch {
	case w.flag != nil:
		return values(w.flag.Value, "")
	case isFlag && assigned:
		if f := w.find(name); f != nil {
			return values(f.Value, name+"=")
		}
	case isFlag:
		for _, f := range w.flags() {
			all = append(all, candidate{"--" + f.Name, f.Help})
		}
	case len(w.node.Children) > 0:
		for _, child := range w.node.Children {
			if !child.Hidden {
				all = append(all, candidate{child.Name, child.Help})
			}
		}
	case w.args < len(w.node.Positional):
		return values(w.node.Positional[w.args], "")
	}
	return all
}

// values returns the possible values of a flag or argument with an enum. Each candidate begins with the prefix.
func values(v *kong.Value, prefix string) (all []candidate) {
	if v.Enum == "" {
		return nil
	}
	for _, value := range v.EnumSlice() {
		all = append(all, candidate{prefix + value, ""})
	}
	return all
}
