package csvfile

import "sort"

// lines knows on which line each row begins. It remembers only where rows and lines part further,
// which is after a cell of several lines or an empty line: a million plain rows cost nothing.
type lines struct {
	rows  int // so many are known
	parts []part
}

// A part says that from a row on, rows begin so many lines later than their number.
type part struct{ row, ahead int }

// add tells where the next row begins.
func (l *lines) add(line int) {
	l.rows++
	ahead := line - l.rows
	if n := len(l.parts); n == 0 || l.parts[n-1].ahead != ahead {
		l.parts = append(l.parts, part{l.rows, ahead})
	}
}

// of gives the line on which a row begins, both counted from 1.
func (l *lines) of(row int) int {
	i := sort.Search(len(l.parts), func(i int) bool { return l.parts[i].row > row })
	if i == 0 {
		return row
	}
	return row + l.parts[i-1].ahead
}
