package terminal

import (
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// Width returns the width of the terminal w in columns, or 0 if w is not a terminal.
func Width(w io.Writer) int {
	fd, is := terminalFD(w)
	if !is {
		return 0
	}
	width, _, err := term.GetSize(fd)
	if err != nil {
		return 0
	}
	return width
}

// terminalFD returns the file descriptor of w, and whether w is a terminal.
func terminalFD(w io.Writer) (fd int, is bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// Printable makes a text safe for one line of a terminal. It replaces control characters, because a
// terminal would interpret them.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Wrap breaks a text between words into lines of up to width columns. A width of 0 means one line.
//
// Each line but the first starts with indent. The first line has the same width, so the caller can write a
// label of the indent's width before it. A word that is too long gets a line of its own. Text between
// backquotes is one word, because users copy it.
func Wrap(s string, width int, indent string) string {
	var b strings.Builder
	left := width - len(indent)
	for i, word := range words(s) {
		need := runewidth.StringWidth(word)
		switch {
		case i == 0:
		case width > 0 && need+1 > left:
			b.WriteString("\n" + indent)
			left = width - len(indent)
		default:
			b.WriteByte(' ')
			left--
		}
		b.WriteString(word)
		left -= need
	}
	return b.String()
}

// words splits a text at white space outside backquotes.
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
