package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// A candidate is what a word can become.
type candidate struct{ text, help string }

// complete finds what the last of the words after the program's name can become; nothing where it is a
// file, or what only the database knows.
func complete(root *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	w := &walk{node: root}
	last := len(words) - 1
	for _, word := range words[:last] {
		w.step(word)
	}
	if words[last] == "=" {
		words[last] = "" // bash makes a word of its own of it
	}
	var found []candidate
	for _, c := range w.candidates(words[last]) {
		if strings.HasPrefix(c.text, words[last]) {
			found = append(found, c)
		}
	}
	return found
}

// A walk is where a command line has come to.
type walk struct {
	node    *kong.Node
	flag    *kong.Flag // that waits for its value
	args    int        // positional ones that there were
	literal bool       // after --, where nothing is a flag
}

func (w *walk) step(word string) {
	switch {
	case word == "=": // stands between a flag and its value
	case w.flag != nil:
		w.flag = nil
	case word == "--":
		w.literal = true
	case strings.HasPrefix(word, "-") && !w.literal:
		if f := w.find(word); f != nil && !f.IsBool() {
			w.flag = f
		}
	default:
		w.enter(word)
	}
}

func (w *walk) enter(word string) {
	for _, child := range w.node.Children {
		if child.Name == word {
			w.node = child
			return
		}
	}
	w.args++
}

// find is the flag of that name, without a value in the same word.
func (w *walk) find(word string) *kong.Flag {
	for _, f := range w.flags() {
		if word == "--"+f.Name {
			return f
		}
	}
	return nil
}

func (w *walk) flags() []*kong.Flag { return slices.Concat(w.node.AllFlags(true)...) }

func (w *walk) candidates(word string) []candidate {
	name, _, assigned := strings.Cut(word, "=")
	switch {
	case w.flag != nil:
		return values(w.flag.Value, "")
	case strings.HasPrefix(word, "-") && !w.literal && assigned:
		if f := w.find(name); f != nil {
			return values(f.Value, name+"=")
		}
		return nil
	case strings.HasPrefix(word, "-") && !w.literal:
		return w.names()
	case len(w.node.Children) > 0:
		return w.commands()
	case w.args < len(w.node.Positional):
		return values(w.node.Positional[w.args], "")
	}
	return nil
}

func (w *walk) commands() []candidate {
	var all []candidate
	for _, child := range w.node.Children {
		if !child.Hidden {
			all = append(all, candidate{child.Name, child.Help})
		}
	}
	return all
}

func (w *walk) names() []candidate {
	var all []candidate
	for _, f := range w.flags() {
		all = append(all, candidate{"--" + f.Name, f.Help})
	}
	return all
}

// values are those of a flag or an argument that has only some.
func values(v *kong.Value, before string) []candidate {
	if v.Enum == "" {
		return nil
	}
	var all []candidate
	for _, value := range v.EnumSlice() {
		all = append(all, candidate{before + value, ""})
	}
	return all
}
