package csvfile

import "sort"

// The type lines records on which line each row begins. The distance between row number and line number
// changes only after a cell of several lines or an empty line. The type stores an entry only for such a
// change, so a million plain rows need almost no memory.
type lines struct {
	rows  int // the number of rows that were added
	parts []part
}

// A part is valid from the number row to the row of the next part. Each of these rows begins on the line
// with its own number plus ahead.
type part struct{ row, ahead int }

// add records the line on which the next row begins.
func (l *lines) add(line int) {
	l.rows++
	ahead := line - l.rows
	if n := len(l.parts); n == 0 || l.parts[n-1].ahead != ahead {
		l.parts = append(l.parts, part{l.rows, ahead})
	}
}

// of returns the line on which a row begins. Rows and lines are counted from 1.
func (l *lines) of(row int) int {
	i := sort.Search(len(l.parts), func(i int) bool { return l.parts[i].row > row })
	if i == 0 {
		return row
	}
	return row + l.parts[i-1].ahead
}
