package main

import (
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"golang.org/x/term"
)

// A column of a table, and what becomes of it on a terminal that is too narrow for all of them.
type column struct {
	name string
	fit  fit
}

type fit uint8

const (
	whole fit = iota // stays as it is: somebody types it, or half of it says nothing
	brief            // is cut to what room there is
	spare            // is left out, the last one first
)

// parseColumns reads the names of columns, between spaces: NAME~ is brief, NAME? is spare.
func parseColumns(header string) []column {
	var all []column
	for name := range strings.FieldsSeq(header) {
		switch {
		case strings.HasSuffix(name, "~"):
			all = append(all, column{name[:len(name)-1], brief})
		case strings.HasSuffix(name, "?"):
			all = append(all, column{name[:len(name)-1], spare})
		default:
			all = append(all, column{name, whole})
		}
	}
	return all
}

// A table prints aligned columns, a page at a time, so that a long list begins at once. What is not
// a terminal gets everything.
type table struct {
	out     io.Writer
	room    int // in characters; 0: as much as there is
	columns []column
	shown   []bool // which columns, as the first page decided
}

// terminalWidth is that of a terminal, or 0.
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

// printTable prints all rows under a header as of [parseColumns].
func printTable[T line](w io.Writer, room int, header string, rows iter.Seq2[T, error]) error {
	t := &table{out: w, room: room, columns: parseColumns(header)}
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

// cells are those of a row as they are shown: an empty one is a dash.
func cells(row line) []string {
	all := row.cells()
	for i, c := range all {
		if all[i] = printable(c); c == "" {
			all[i] = "-"
		}
	}
	return all
}

// gap stands between columns.
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
			blank = widths[i] - columnsOf(cell) + len(gap)
		}
		if _, err := fmt.Fprintln(t.out, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// minimum is the least that a brief column is cut to before spare ones are left out.
const minimum = 8

// widths are those of the columns on a page.
func (t *table) widths(page [][]string) []int {
	widths := make([]int, len(t.columns))
	for _, cells := range page {
		for i, cell := range cells {
			widths[i] = max(widths[i], columnsOf(cell))
		}
	}
	if t.shown == nil {
		t.choose(widths)
	}
	if t.room == 0 {
		return widths
	}
	for over := t.total(widths) - t.room; over > 0; over-- {
		widest := t.widest(widths)
		if widths[widest] == 1 {
			break
		}
		widths[widest]--
	}
	return widths
}

// choose leaves out spare columns until the others fit.
func (t *table) choose(widths []int) {
	t.shown = make([]bool, len(widths))
	least := make([]int, len(widths))
	for i, c := range t.columns {
		t.shown[i], least[i] = true, widths[i]
		if c.fit == brief {
			least[i] = min(widths[i], minimum)
		}
	}
	for i := len(widths) - 1; i >= 0 && t.room > 0 && t.total(least) > t.room; i-- {
		t.shown[i] = t.columns[i].fit != spare
	}
}

// total is what the columns that are shown take.
func (t *table) total(widths []int) int {
	sum := -len(gap)
	for i, w := range widths {
		if t.shown[i] {
			sum += w + len(gap)
		}
	}
	return sum
}

// widest is the column to be cut next: a brief one unless none can give more.
func (t *table) widest(widths []int) int {
	best := -1
	better := func(i int) bool {
		if best < 0 {
			return true
		}
		soft, softBest := t.soft(i, widths[i]), t.soft(best, widths[best])
		return soft && !softBest || soft == softBest && widths[i] > widths[best]
	}
	for i := range widths {
		if t.shown[i] && better(i) {
			best = i
		}
	}
	return best
}

func (t *table) soft(i, width int) bool { return t.columns[i].fit == brief && width > minimum }
