package csvfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sort"
)

// A LineError is the error of an invalid row, with the line on which the row begins. Lines are counted from 1.
type LineError struct {
	Line int
	Err  error
}

// Error returns the line and the error of the row.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the error of the row without the line.
func (e LineError) Unwrap() error { return e.Err }

// A lineMap records on which line each row begins. The difference between line number and row number changes only after a
// cell of several lines or an empty line. A lineMap stores one segment per change of the difference. So it needs almost
// no memory for a million rows of one line each.
type lineMap struct {
	rows     int // the number of calls of add, one per row
	segments []segment
}

// A segment describes the rows from firstRow up to the first row of the next segment. Each of these rows begins on the
// line whose number is the number of the row plus offset.
type segment struct{ firstRow, offset int }

func (m *lineMap) add(line int) {
	m.rows++
	offset := line - m.rows
	if n := len(m.segments); n == 0 || m.segments[n-1].offset != offset {
		m.segments = append(m.segments, segment{m.rows, offset})
	}
}

// lineOf returns the line on which a row begins. Rows and lines are counted from 1.
func (m *lineMap) lineOf(row int) int {
	i := sort.Search(len(m.segments), func(i int) bool { return m.segments[i].firstRow > row })
	if i == 0 {
		return row
	}
	return row + m.segments[i-1].offset
}

// ErrRowTooLong is the error of a row of more than 64 KiB.
var ErrRowTooLong = fmt.Errorf("the row is longer than %d KiB: shorten it, or close the quote that an earlier cell opens", maxRow>>10)

// maxRow is the maximum length of a row, in bytes. A row fits if each cell has [MaxText] bytes, even if each byte is a
// quote, which CSV doubles. The bound keeps memory constant if a quote is never closed.
const maxRow = 64 << 10

// A rowLimitReader limits how many bytes the CSV reader gets for one row, and then returns io.EOF. It returns no other
// error, because the CSV reader reports the line on which the row began only after io.EOF. One call of Read returns at
// most one line. Therefore all bytes that Read has returned since the last row belong to the current row.
type rowLimitReader struct {
	from    *bufio.Reader
	left    int  // the number of bytes that the current row may still have
	formula bool // the row contains ="
}

// Read implements [io.Reader].
func (l *rowLimitReader) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	if _, err := l.from.Peek(1); err != nil {
		return 0, err
	}
	line, _ := l.from.Peek(min(len(p), l.left, l.from.Buffered())) // cannot fail
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
	}
	l.formula = l.formula || bytes.Contains(line, []byte(`="`))
	n := copy(p, line)
	_, _ = l.from.Discard(n) // cannot fail: the bytes were peeked
	l.left -= n
	return n, nil
}
