package terminal

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/keyseat/keyseat/internal/jsoncodec"
)

// A column of a table. fit defines what happens to it on a terminal that is too narrow.
type column struct {
	name string
	fit  fit
}

type fit uint8

const (
	fixed     fit = iota // never hidden, and truncated last: users copy it, or a part of it is useless
	truncated            // truncated to the available width
	optional             // hidden if necessary, the last column first
)

// parseColumns parses the header of a table: NAME~ is a truncated column, NAME? is an optional one.
func parseColumns(header string) []column {
	var all []column
	for name := range strings.FieldsSeq(header) {
		c := column{name: strings.TrimRight(name, "~?")}
		switch {
		case strings.HasSuffix(name, "~"):
			c.fit = truncated
		case strings.HasSuffix(name, "?"):
			c.fit = optional
		}
		all = append(all, c)
	}
	return all
}

// A table prints aligned columns, one page at a time, so that a long list starts immediately.
type table struct {
	out     io.Writer
	width   int // of the terminal, in columns; 0: not a terminal
	columns []column
	shown   []bool // which columns are visible; decided for the first page
}

// pageSize is the number of rows that are aligned together.
const pageSize = 1000

// printTable prints all values as rows under a header.
func printTable[T any](w io.Writer, width int, l Layout[T], values iter.Seq2[T, error]) error {
	t := &table{out: w, width: width, columns: parseColumns(l.Header)}
	page := [][]string{t.names()}
	for value, err := range values {
		if err != nil {
			return err
		}
		if page = append(page, printableCells(l.Cells(value))); len(page) < pageSize {
			continue
		}
		if err := t.print(page); err != nil {
			return err
		}
		page = nil
	}
	return t.print(page)
}

func (t *table) names() []string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	return names
}

// printableCells makes the cells of a row printable. An empty cell becomes a dash.
func printableCells(cells []string) []string {
	for i, c := range cells {
		if cells[i] = Printable(c); c == "" {
			cells[i] = "-"
		}
	}
	return cells
}

// gap separates columns.
const gap = "  "

func (t *table) print(page [][]string) error {
	widths := t.widths(page)
	for _, cells := range page {
		var b strings.Builder
		blank := 0
		for i, cell := range cells {
			if !t.shown[i] {
				continue
			}
			cell = runewidth.Truncate(cell, widths[i], "…")
			b.WriteString(strings.Repeat(" ", blank) + cell)
			blank = widths[i] - runewidth.StringWidth(cell) + len(gap)
		}
		if _, err := fmt.Fprintln(t.out, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// minimum is the width to which truncated columns shrink before optional columns are hidden.
const minimum = 8

// widths returns the column widths for a page. It shrinks columns until the page fits.
func (t *table) widths(page [][]string) []int {
	widths := make([]int, len(t.columns))
	for _, cells := range page {
		for i, cell := range cells {
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	if t.shown == nil {
		t.hideColumns(widths)
	}
	for over := t.total(widths) - t.width; t.width > 0 && over > 0; over-- {
		widest := t.widest(widths)
		if widths[widest] == 1 {
			break
		}
		widths[widest]--
	}
	return widths
}

// hideColumns hides optional columns until the others fit.
func (t *table) hideColumns(widths []int) {
	t.shown = make([]bool, len(widths))
	least := make([]int, len(widths))
	for i, c := range t.columns {
		t.shown[i], least[i] = true, widths[i]
		if c.fit == truncated {
			least[i] = min(widths[i], minimum)
		}
	}
	for i := len(widths) - 1; i >= 0 && t.width > 0 && t.total(least) > t.width; i-- {
		t.shown[i] = t.columns[i].fit != optional
	}
}

// total returns the width of the visible columns with the gaps.
func (t *table) total(widths []int) int {
	sum := -len(gap)
	for i, w := range widths {
		if t.shown[i] {
			sum += w + len(gap)
		}
	}
	return sum
}

// widest returns the visible column to shrink next. Truncated columns that are wider than minimum shrink
// before all others.
func (t *table) widest(widths []int) (widest int) {
	const first = 1 << 16 // more than any width
	most := 0
	for i, w := range widths {
		if t.columns[i].fit == truncated && w > minimum {
			w += first
		}
		if t.shown[i] && w > most {
			widest, most = i, w
		}
	}
	return widest
}

// A Format is the form in which a list is printed.
type Format string

// The formats.
const (
	Table Format = "table" // for people
	JSON  Format = "json"  // for programs: an array with one object per line
	CSV   Format = "csv"   // for programs: the columns of the table, with their names in lower case
)

// A Layout is the form of a table whose rows are values of type T.
//
// Header names the columns, separated by spaces. A name that ends in ~ marks a column that can be truncated. A
// name that ends in ? marks a column that can be hidden. Cells returns the cells of a row, one for each column.
type Layout[T any] struct {
	Header string
	Cells  func(T) []string
}

// PrintList prints values in a format. It prints them while it reads them.
func PrintList[T any](w io.Writer, f Format, l Layout[T], values iter.Seq2[T, error]) error {
	switch f {
	case JSON:
		return PrintArray(w, values)
	case CSV:
		return printCSV(w, l, values)
	case Table:
	}
	out := bufio.NewWriter(w)
	if err := printTable(out, Width(w), l, values); err != nil {
		return err
	}
	return out.Flush()
}

func printCSV[T any](w io.Writer, l Layout[T], values iter.Seq2[T, error]) error {
	out := csv.NewWriter(w)
	_ = out.Write(strings.Fields(strings.ToLower(strings.NewReplacer("~", "", "?", "").Replace(l.Header)))) // Flush reports an error
	for value, err := range values {
		if err != nil {
			return err
		}
		_ = out.Write(l.Cells(value))
	}
	out.Flush()
	return out.Error()
}

// PrintArray prints values as a JSON array with one value per line. It prints them while it reads them.
func PrintArray[T any](w io.Writer, values iter.Seq2[T, error]) error {
	out := bufio.NewWriter(w)
	before := "[\n"
	for value, err := range values {
		if err != nil {
			return err
		}
		text, err := jsoncodec.Marshal(value)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s%s", before, text); err != nil {
			return err
		}
		before = ",\n"
	}
	end := "\n]\n"
	if before == "[\n" {
		end = "[]\n"
	}
	_, _ = out.WriteString(end) // Flush returns the error
	return out.Flush()
}

// PrintJSON prints a value as JSON on one line.
func PrintJSON(w io.Writer, value any) error {
	text, err := jsoncodec.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
