package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode"
)

// outputFlag selects a table for people or JSON for programs.
type outputFlag struct {
	Output string `help:"Print a table for people, or json for programs." enum:"table,json" default:"table"`
}

// A row is a row of a list. Its JSON fields have stable names and are for programs. Its cells are for
// people.
type row interface{ cells() []string }

// list prints rows while it reads them. The header of the table has the format of [parseColumns].
func list[T row](w io.Writer, o outputFlag, header string, rows iter.Seq2[T, error]) error {
	out := bufio.NewWriter(w)
	var err error
	if o.Output == "json" {
		err = array(out, rows)
	} else {
		err = printTable(out, terminalWidth(w), header, rows)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// array prints a JSON array with one object per line.
func array[T row](w io.Writer, rows iter.Seq2[T, error]) error {
	before := "[\n"
	for row, err := range rows {
		if err != nil {
			return err
		}
		object, err := object(row)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%s", before, object); err != nil {
			return err
		}
		before = ",\n"
	}
	if before == "[\n" {
		_, err := fmt.Fprintln(w, "[]")
		return err
	}
	_, err := fmt.Fprintln(w, "\n]")
	return err
}

// object encodes a value as JSON on one line. It does not escape HTML characters such as &.
func object(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

// printable makes a text safe for one line of a terminal. It replaces control characters, because a
// terminal would interpret them.
func printable(s string) string {
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
