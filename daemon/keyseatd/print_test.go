package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/stock"
)

// TestPrintable checks that stored text cannot control a terminal and cannot start another line.
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

// levels yields the given number of rows of a list.
func levels(n int, end error) func(func(stockRow, error) bool) {
	return func(yield func(stockRow, error) bool) {
		for i := range n {
			if !yield(newStockRow(stock.Level{Country: "US", Size: i}), nil) {
				return
			}
		}
		if end != nil {
			yield(stockRow{}, end)
		}
	}
}

// TestListErrors checks that a list fails if its rows cannot be read or written completely.
func TestListErrors(t *testing.T) {
	fault := errors.New("the store is gone")
	for _, format := range []string{"table", "json"} {
		o := outputFlag{format}
		if err := list(io.Discard, o, stockHeader, levels(3, fault)); !errors.Is(err, fault) {
			t.Errorf("%s: %v", format, err)
		}
		if err := list(fullWriter{}, o, stockHeader, levels(3*pageSize, nil)); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestListStreams checks that a long list prints its first rows before all rows are read.
func TestListStreams(t *testing.T) {
	for _, format := range []string{"table", "json"} {
		var out strings.Builder
		err := list(&out, outputFlag{format}, stockHeader, func(yield func(stockRow, error) bool) {
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

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
