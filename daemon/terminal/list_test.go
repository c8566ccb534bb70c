package terminal_test

import (
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/terminal"
)

func TestPrintableReplacesControlCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"1 High Street\nLondon": "1 High Street London",
		"a\tb\u00a0c\r":         "a b c ",
		"\x1b[2Jgone\x07":       "\ufffd[2Jgone\ufffd",
		"\u202egnp.exe":         "\ufffdgnp.exe",
		"Å, 東京, ñ":              "Å, 東京, ñ",
	} {
		if got := terminal.Printable(text); got != want {
			t.Errorf("%q is printed as %q", text, got)
		}
	}
}

func TestWrapBreaksBetweenWordsAndKeepsCommandsWhole(t *testing.T) {
	for _, c := range []struct {
		text   string
		width  int
		indent string
		want   string
	}{
		{"one two three", 8, "", "one two\nthree"},
		{"one two three", 0, "", "one two three"},
		{"one two three", 8, "  ", "one\n  two\n  three"},
		{"run `a command` now", 6, "", "run\n`a command`\nnow"},
		{"東京 東京", 5, "", "東京\n東京"},
		{"", 8, "  ", ""},
	} {
		if got := terminal.Wrap(c.text, c.width, c.indent); got != c.want {
			t.Errorf("%q in %d columns: %q, not %q", c.text, c.width, got, c.want)
		}
	}
}

// A level is a row of a list.
type level struct {
	Country string `json:"country"`
	Size    int    `json:"size"`
}

var layout = terminal.Layout[level]{
	Header: "COUNTRY SIZE",
	Cells:  func(l level) []string { return []string{l.Country, strconv.Itoa(l.Size)} },
}

// levels yields n rows, and then an error if end is one.
func levels(n int, end error) iter.Seq2[level, error] {
	return func(yield func(level, error) bool) {
		for i := range n {
			if !yield(level{"US & more", i}, nil) {
				return
			}
		}
		if end != nil {
			yield(level{}, end)
		}
	}
}

func TestPrintListAlignsATableAndWritesJSON(t *testing.T) {
	for _, c := range []struct {
		format terminal.Format
		rows   int
		want   string
	}{
		{terminal.Table, 2, "COUNTRY    SIZE\nUS & more  0\nUS & more  1\n"},
		{terminal.Table, 0, "COUNTRY  SIZE\n"},
		{terminal.JSON, 2, "[\n{\"country\":\"US & more\",\"size\":0},\n{\"country\":\"US & more\",\"size\":1}\n]\n"},
		{terminal.JSON, 0, "[]\n"},
	} {
		var out strings.Builder
		if err := terminal.PrintList(&out, c.format, layout, levels(c.rows, nil)); err != nil || out.String() != c.want {
			t.Errorf("%s of %d rows: %q, %v", c.format, c.rows, out.String(), err)
		}
	}
}

func TestPrintListReturnsErrorsOfReadingAndWriting(t *testing.T) {
	failure := errors.New("the store is gone")
	for _, format := range []terminal.Format{terminal.Table, terminal.JSON} {
		if err := terminal.PrintList(io.Discard, format, layout, levels(3, failure)); !errors.Is(err, failure) {
			t.Errorf("%s: %v", format, err)
		}
		if err := terminal.PrintList(fullWriter{}, format, layout, levels(3000, nil)); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestPrintListStartsBeforeTheLastRow checks that a long list prints its first rows before all rows are read.
func TestPrintListStartsBeforeTheLastRow(t *testing.T) {
	for _, format := range []terminal.Format{terminal.Table, terminal.JSON} {
		var out strings.Builder
		err := terminal.PrintList(&out, format, layout, func(yield func(level, error) bool) {
			levels(3000, nil)(yield)
			if out.Len() == 0 {
				t.Errorf("%s: nothing is written after 3000 rows", format)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
