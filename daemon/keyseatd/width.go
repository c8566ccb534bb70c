package main

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// columnsOf is how many columns a printable text takes on a terminal.
func columnsOf(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOfRune(r)
	}
	return n
}

func columnsOfRune(r rune) int {
	switch k := width.LookupRune(r).Kind(); {
	case unicode.Is(unicode.Mn, r):
		return 0 // it stands on the one before
	case k == width.EastAsianWide || k == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// shorten cuts a text to so many columns, and shows where.
func shorten(s string, columns int) string {
	if columnsOf(s) <= columns {
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

// fold breaks a text between words into lines of at most so many columns, each of them but the first
// after the indent, for which the first has room left too; 0 columns is one line. A word that is too
// long for any line stands alone. What is between backquotes is one word, because somebody copies it.
func fold(s string, columns int, indent string) string {
	var b strings.Builder
	room := columns - len(indent)
	for i, word := range words(s) {
		need := columnsOf(word)
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
