package main

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// textWidth returns the number of columns that a printable text occupies on a terminal.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOfRune(r)
	}
	return n
}

func columnsOfRune(r rune) int {
	switch k := width.LookupRune(r).Kind(); {
	case unicode.Is(unicode.Mn, r):
		return 0 // it combines with the character before
	case k == width.EastAsianWide || k == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// shorten cuts a text to the given number of columns. An ellipsis marks the cut.
func shorten(s string, columns int) string {
	if textWidth(s) <= columns {
		return s
	}
	var b strings.Builder
	left := columns - 1
	for _, r := range s {
		if left -= columnsOfRune(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}

// wrap breaks a text between words into lines of up to columns columns. 0 columns means one line.
//
// Each line but the first starts with indent. The first line has the same room, so the caller can write a
// label of the indent's width before it. A word that is too long gets a line of its own. Text between
// backquotes is one word, because users copy it.
func wrap(s string, columns int, indent string) string {
	var b strings.Builder
	room := columns - len(indent)
	for i, word := range words(s) {
		need := textWidth(word)
		switch {
		case i == 0:
		case columns > 0 && need+1 > room:
			b.WriteString("\n" + indent)
			room = columns - len(indent)
		default:
			b.WriteByte(' ')
			room--
		}
		b.WriteString(word)
		room -= need
	}
	return b.String()
}

func words(s string) []string {
	var all []string
	quoted := false
	for word := range strings.FieldsSeq(s) {
		if quoted {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
		quoted = quoted != (strings.Count(word, "`")%2 > 0)
	}
	return all
}
