package main

import (
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"golang.org/x/term"
)

// A column of a table. fit defines what happens to it on a terminal that is too narrow.
type column struct {
	name string
	fit  fit
}

type fit uint8

const (
	fixed     fit = iota // never hidden, and shortened last: users copy it, or a part of it is useless
	truncated            // shortened to the available width
	optional             // hidden if necessary, the last column first
)

// parseColumns parses the names of columns, separated by spaces: NAME~ is brief, NAME? is spare.
func parseColumns(header string) []column {
	var all []column
	for name := range strings.FieldsSeq(header) {
		switch {
		case strings.HasSuffix(name, "~"):
			all = append(all, column{name[:len(name)-1], truncated})
		case strings.HasSuffix(name, "?"):
			all = append(all, column{name[:len(name)-1], optional})
		default:
			all = append(all, column{name, fixed})
		}
	}
	return all
}

// A table prints aligned columns, one page at a time, so that a long list starts immediately. On an output
// that is not a terminal, all columns are printed in full.
type table struct {
	out     io.Writer
	width   int // width in characters; 0: unlimited
	columns []column
	shown   []bool // which columns are visible; decided for the first page
}

// terminalWidth returns the width of the terminal w, or 0 if w is not a terminal.
func terminalWidth(w io.Writer) int {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// printTable prints all rows under a header. The header has the format of [parseColumns].
func printTable[T row](w io.Writer, room int, header string, rows iter.Seq2[T, error]) error {
	t := &table{out: w, width: room, columns: parseColumns(header)}
	page := [][]string{t.names()}
	for row, err := range rows {
		if err != nil {
			return err
		}
		if page = append(page, cells(row)); len(page) < pageSize {
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

// cells returns the printable cells of a row. An empty cell becomes a dash.
func cells(row row) []string {
	all := row.cells()
	for i, c := range all {
		if all[i] = printable(c); c == "" {
			all[i] = "-"
		}
	}
	return all
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
			cell = shorten(cell, widths[i])
			b.WriteString(strings.Repeat(" ", blank) + cell)
			blank = widths[i] - textWidth(cell) + len(gap)
		}
		if _, err := fmt.Fprintln(t.out, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// minimum is the width to which brief columns shrink before spare columns are hidden.
const minimum = 8

// widths returns the column widths for a page. It shrinks columns until the page fits.
func (t *table) widths(page [][]string) []int {
	widths := make([]int, len(t.columns))
	for _, cells := range page {
		for i, cell := range cells {
			widths[i] = max(widths[i], textWidth(cell))
		}
	}
	if t.shown == nil {
		t.hideColumns(widths)
	}
	if t.width == 0 {
		return widths
	}
	for over := t.total(widths) - t.width; over > 0; over-- {
		widest := t.widest(widths)
		if widths[widest] == 1 {
			break
		}
		widths[widest]--
	}
	return widths
}

// hideColumns hides spare columns until the others fit.
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

// widest returns the column to shrink next. It prefers the widest brief column that is wider than minimum.
func (t *table) widest(widths []int) int {
	best := -1
	better := func(i int) bool {
		if best < 0 {
			return true
		}
		soft, softBest := t.canShrink(i, widths[i]), t.canShrink(best, widths[best])
		return soft && !softBest || soft == softBest && widths[i] > widths[best]
	}
	for i := range widths {
		if t.shown[i] && better(i) {
			best = i
		}
	}
	return best
}

func (t *table) canShrink(i, width int) bool { return t.columns[i].fit == truncated && width > minimum }
