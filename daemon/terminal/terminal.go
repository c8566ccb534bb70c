// Package terminal prints what a command has to show: lists, text and progress.
//
// A list is a table for people, or a JSON array for programs. Its first rows are printed before the last one is
// read, so a list may be larger than the memory. A table on a terminal fits the width of the
// terminal. A table that goes to a pipe or a file has all columns in full:
//
//	PrintList(w, format, Layout[Task]{"ID CODE~ DUE?", cells}, tasks)
//	                                   │  │     └ hidden if the terminal is too narrow
//	                                   │  └ truncated if the terminal is too narrow
//	                                   └ always in full, if possible
//
// Anyone may have typed a stored text. Tables replace the control characters in their cells. For other output, use
// [Printable].
package terminal

import (
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Width returns the width of the terminal w in columns, or 0 if w is not a terminal.
func Width(w io.Writer) int {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0
	}
	width, _, _ := term.GetSize(int(f.Fd())) // 0 and an error if the file is not a terminal
	return width
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
// Each line but the first starts with indent. The first line is shorter by the width of indent, so that the caller can
// write a label of that width before it. A word that is too long gets a line of its own. Text between backquotes counts
// as one word, because users copy this text.
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
func words(s string) (all []string) {
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

// A Bar shows the progress of a command. A bar on a writer that is not a terminal shows nothing. A bar that cannot be drawn
// does not stop the command, so its errors are ignored.
type Bar struct{ bar *progressbar.ProgressBar }

// NewRowBar returns a bar that counts rows on w.
func NewRowBar(w io.Writer, what string) *Bar {
	return newBar(w, what, -1, progressbar.OptionShowCount(), progressbar.OptionShowIts())
}

// NewByteBar returns a bar that counts bytes up to size on w. A size of -1 means that the size is unknown.
func NewByteBar(w io.Writer, what string, size int64) *Bar {
	return newBar(w, what, size, progressbar.OptionShowBytes(true))
}

func newBar(w io.Writer, what string, size int64, more ...progressbar.Option) *Bar {
	isTerminal := Width(w) > 0
	if !isTerminal {
		w = io.Discard
	}
	return &Bar{progressbar.NewOptions64(size, append(more,
		progressbar.OptionSetVisibility(isTerminal),
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0), // otherwise a goroutine draws the bar again after Clear
		progressbar.OptionSetWidth(20),                // the whole bar fits into 80 columns
	)...)}
}

// Add adds n to the count.
func (b *Bar) Add(n int) { _ = b.bar.Add(n) }

// Set shows that n of size bytes are done.
func (b *Bar) Set(n, size int64) {
	b.bar.ChangeMax64(size)
	_ = b.bar.Set64(n)
}

// Write adds the number of bytes in p, so that a Bar can be the destination of an [io.TeeReader]. It never fails.
func (b *Bar) Write(p []byte) (int, error) {
	b.Add(len(p))
	return len(p), nil
}

// Clear removes the bar from the terminal.
func (b *Bar) Clear() { _ = b.bar.Clear() }
