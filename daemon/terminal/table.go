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

// A column is a column of a table. A column that is neither truncated nor optional is never hidden, and is shortened last,
// because users copy its cells or need whole cells.
type column struct {
	name      string
	truncated bool // its cells are truncated if the table is too wide
	optional  bool // hidden if the table is still too wide, the last optional column first
	hidden    bool
	width     int // in the current page
}

// parseColumns parses the header of a table. "NAME~" is a truncated column, "NAME?" is an optional one, and "NAME~?" is
// both.
func parseColumns(header string) (all []column) {
	for name := range strings.FieldsSeq(header) {
		all = append(all, column{
			name: strings.TrimRight(name, "~?"), truncated: strings.Contains(name, "~"), optional: strings.HasSuffix(name, "?"),
		})
	}
	return all
}

const minimum = 8 // the width to which truncated columns shrink before optional columns are hidden

// least returns the width to which a column shrinks before optional columns are hidden.
func (c column) least() int {
	if c.truncated {
		return min(c.width, minimum)
	}
	return c.width
}

// A table prints aligned columns, one page at a time, so that a long list starts immediately.
type table struct {
	out     io.Writer
	width   int // of the terminal, in columns; 0: not a terminal
	columns []column
	started bool // the first page was printed, which determines the hidden columns
}

const pageSize = 1000 // the number of rows that are aligned together

func printTable[T any](w io.Writer, width int, l Layout[T], values iter.Seq2[T, error]) error {
	t := &table{out: w, width: width, columns: parseColumns(l.Header)}
	page := make([][]string, 1, pageSize)
	for _, c := range t.columns {
		page[0] = append(page[0], c.name)
	}
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
		page = page[:0]
	}
	return t.print(page)
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

const gap = "  "

func (t *table) print(page [][]string) error {
	t.fit(page)
	for _, cells := range page {
		var b strings.Builder
		blank := 0
		for i, c := range t.columns {
			if c.hidden {
				continue
			}
			cell := runewidth.Truncate(cells[i], c.width, "…")
			b.WriteString(strings.Repeat(" ", blank) + cell)
			blank = c.width - runewidth.StringWidth(cell) + len(gap)
		}
		if _, err := fmt.Fprintln(t.out, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// fit sets the widths of the columns for a page. It shrinks columns until the page fits.
func (t *table) fit(page [][]string) {
	for i := range t.columns {
		t.columns[i].width = 0
		for _, cells := range page {
			t.columns[i].width = max(t.columns[i].width, runewidth.StringWidth(cells[i]))
		}
	}
	if t.width == 0 {
		return
	}
	if !t.started {
		t.hideColumns()
		t.started = true
	}
	for over := t.total(func(c column) int { return c.width }) - t.width; over > 0; over-- {
		widest := t.widest()
		if widest.width == 1 {
			break
		}
		widest.width--
	}
}

// hideColumns hides optional columns until the others fit.
func (t *table) hideColumns() {
	for i := len(t.columns) - 1; i >= 0 && t.total(column.least) > t.width; i-- {
		t.columns[i].hidden = t.columns[i].optional
	}
}

// total returns the width of the visible columns with the gaps.
func (t *table) total(width func(column) int) int {
	sum := -len(gap)
	for _, c := range t.columns {
		if !c.hidden {
			sum += width(c) + len(gap)
		}
	}
	return sum
}

// widest returns the visible column to shrink next: the first of the widest ones. Truncated columns that are wider than
// minimum shrink before all others.
func (t *table) widest() *column {
	const first = 1 << 16 // added to the width of the columns that shrink first; more than any width
	widest, most := &t.columns[0], 0
	for i, c := range t.columns {
		width := c.width
		if c.truncated && width > minimum {
			width += first
		}
		if !c.hidden && width > most {
			widest, most = &t.columns[i], width
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
	_ = out.Write(strings.Fields(strings.ToLower(strings.NewReplacer("~", "", "?", "").Replace(l.Header)))) // Error returns the first error
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
