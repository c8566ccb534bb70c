package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/stock"
)

// TestPrintable holds that what was stored cannot steer a terminal, nor break out of its line.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"1 High Street\nLondon": "1 High Street London",
		"a\tb\u00a0c\r":         "a b c ",
		"\x1b[2Jgone\x07":       "\ufffd[2Jgone\ufffd",
		"\u202egnp.exe":         "\ufffdgnp.exe",
		"Å, 東京, ñ":              "Å, 東京, ñ",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// levels are so many lines of a list.
func levels(n int, end error) func(func(levelLine, error) bool) {
	return func(yield func(levelLine, error) bool) {
		for i := range n {
			if !yield(newLevelLine(stock.Level{Country: "US", Size: i}), nil) {
				return
			}
		}
		if end != nil {
			yield(levelLine{}, end)
		}
	}
}

// TestListErrors holds that a list which could not be read or written whole is no success.
func TestListErrors(t *testing.T) {
	fault := errors.New("the store is gone")
	for _, format := range []string{"table", "json"} {
		o := outputFlag{format}
		if err := list(io.Discard, o, stockHeader, levels(3, fault)); !errors.Is(err, fault) {
			t.Errorf("%s: %v", format, err)
		}
		if err := list(full{}, o, stockHeader, levels(3*pageSize, nil)); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestListStreams holds that a long list begins before it has been read to its end.
func TestListStreams(t *testing.T) {
	for _, format := range []string{"table", "json"} {
		var out strings.Builder
		err := list(&out, outputFlag{format}, stockHeader, func(yield func(levelLine, error) bool) {
			levels(3*pageSize, nil)(yield)
			if out.Len() == 0 {
				t.Errorf("%s: nothing is written after three pages", format)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
