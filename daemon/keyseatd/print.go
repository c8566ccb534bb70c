package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// outputFlag says for whom to print.
type outputFlag struct {
	Output string `help:"Print a table for people, or json for programs." enum:"table,json" default:"table"`
}

// A line is a row of a list. Its fields, with stable names, are for programs; its cells for people.
type line interface{ cells() []string }

// list prints rows as they come.
func list[T line](w io.Writer, o outputFlag, header string, rows iter.Seq2[T, error]) error {
	out := bufio.NewWriter(w)
	var err error
	if o.Output == "json" {
		err = array(out, rows)
	} else {
		err = table(out, header, rows)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// array prints a JSON array with an object on each line.
func array[T line](w io.Writer, rows iter.Seq2[T, error]) error {
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

// object is a value as JSON on one line, with & and the like left as they are.
func object(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

// table prints aligned columns. Each page is aligned by itself, so that a long list begins at once.
func table[T line](w io.Writer, header string, rows iter.Seq2[T, error]) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(out, strings.ReplaceAll(header, " ", "\t")); err != nil {
		return err
	}
	n := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, tabbed(row.cells())); err != nil {
			return err
		}
		if n++; n%pageSize == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// tabbed joins cells; an empty one shows as a dash.
func tabbed(cells []string) string {
	shown := make([]string, len(cells))
	for i, c := range cells {
		if shown[i] = printable(c); c == "" {
			shown[i] = "-"
		}
	}
	return strings.Join(shown, "\t")
}

// printable makes a text fit for one line of a terminal, which would obey control characters.
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

// A moment is a time as the API shows it: RFC 3339 in UTC to the second, or null.
type moment time.Time

// String gives "" for a time that is not known.
func (m moment) String() string {
	if time.Time(m).IsZero() {
		return ""
	}
	return time.Time(m).UTC().Format(time.RFC3339)
}

// MarshalJSON implements [json.Marshaler].
func (m moment) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(m.String())
}
