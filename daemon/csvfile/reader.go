// Package csvfile reads keys and plans from CSV files, and stores the plans. It writes keys, and the archived
// rows of a store. It never holds all keys of a file in memory.
//
//	file ─▶ New ─▶ Reader ─▶ Keys   ─▶ a store's ImportKeys ─┐
//	                 │    ├▶ Plans  ─▶ StorePlans ───────────┤ adminstore.RowError
//	                 │    └▶ DryRun ─▶ all errors, printed   │
//	                 └─▶ LineOf ◀────────────────────────────┘
//	                        └▶ LineError: the line of the invalid row, and its error
//
//	keys                       ─▶ WriteKeys ─▶ file
//	archived tasks and history ─▶ Archive   ─▶ two files
//
// The first line names the columns, in any order. It also determines the encoding and the separator. The encoding is
// UTF-8 or UTF-16, the separator a comma, a semicolon or a tab. A line such as "sep=;" may precede the first line.
//
// The package does not guess anything else. An unknown column, a cell with an invalid value, a control
// character, and a code that a spreadsheet has changed are errors. The reason: if a wrong value gets into a
// store of prepaid goods, a customer finds it.
//
// [Reader.Keys] reads the keys that [WriteKeys] has written without any change.
//
// Errors never quote a cell, because anybody with access to the log could then use the code.
package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/keyseat/keyseat/tasks/adminstore"
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

// The errors of a file that a caller can distinguish with [errors.Is].
var (
	ErrRowTooLong  = fmt.Errorf("the row is longer than %d KiB", maxRow>>10)
	ErrAlreadyRead = errors.New("the file cannot be read a second time: start again")
)

// maxRow is the maximum length of a row, in bytes. The bound keeps memory constant if a quote is never
// closed. It has room for every column at [MaxText] bytes with each byte quoted.
const maxRow = 64 << 10

// A Reader reads one CSV file, once, with [Reader.Keys], [Reader.CheckKeys], [Reader.Plans] or [Reader.CheckPlans]. It
// is not safe for concurrent use.
type Reader struct {
	in      *bufio.Reader
	limit   *rowLimitReader
	csv     *csv.Reader
	wide    bool // the file is in UTF-16
	line    int  // on which the latest row begins
	lines   lineMap
	started bool
}

// New returns a Reader of a file in UTF-8 or UTF-16, with or without a byte order mark. The separator is a comma, a
// semicolon or a tab; New detects nothing yet, because the first read detects the separator and the encoding.
func New(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, maxRow)} }

// open detects the encoding and the separator of the file.
func (f *Reader) open() error {
	text, wide, err := decode(f.in)
	if err != nil {
		return err
	}
	separator, err := findSeparator(text)
	if err != nil {
		return err
	}
	f.limit, f.wide = &rowLimitReader{from: text}, wide
	f.csv = csv.NewReader(f.limit)
	f.csv.Comma = separator
	f.csv.ReuseRecord = true
	f.csv.FieldsPerRecord = -1 // because the error of the CSV reader does not contain the expected number
	return nil
}

// LineOf converts an [adminstore.RowError] to a [LineError], which has the line on which the row begins. If the store
// does not know the row (row 0), LineOf returns the error of the row alone. It returns any other error unchanged.
func (f *Reader) LineOf(err error) error {
	var row adminstore.RowError
	if !errors.As(err, &row) {
		return err
	}
	if row.Row < 1 {
		return row.Err
	}
	return LineError{f.lines.lineOf(row.Row), row.Err}
}

// begin reads the header. The header may name the columns in columns, and must name the columns in need.
func (f *Reader) begin(columns, need []string) (*row, error) {
	if f.started {
		return nil, ErrAlreadyRead
	}
	f.started = true
	if err := f.open(); err != nil {
		return nil, err
	}
	cells, line, err := f.read()
	if errors.Is(err, io.EOF) {
		return nil, LineError{1, errors.New("the file is empty: its first line names the columns")}
	}
	if err != nil {
		return nil, err
	}
	header, err := parseHeader(cells, columns, need)
	if err != nil {
		return nil, LineError{line, err}
	}
	return &row{columns: header, width: len(cells), canonical: slices.Equal(cells, keyColumns)}, nil
}

// next reads the next row into r. It returns io.EOF at the end of the file.
func (f *Reader) next(r *row) error {
	cells, line, err := f.read()
	if err != nil {
		return err
	}
	f.lines.add(line)
	r.cells, r.line, r.err = cells, line, nil
	if len(cells) != r.width {
		return LineError{line, fmt.Errorf("%d cells under a header of %d", len(cells), r.width)}
	}
	return nil
}

// read returns the cells of the next row and the line on which it begins.
func (f *Reader) read() ([]string, int, error) {
	f.limit.left, f.limit.formula = maxRow, false
	cells, err := f.csv.Read()
	var invalid *csv.ParseError
	switch {
	case errors.As(err, &invalid):
		f.line, err = invalid.StartLine, errors.New("a quote is out of place or never closed")
		if f.limit.formula {
			err = errors.New("a cell " + formulaDamage)
		}
	case err == nil:
		if f.line, _ = f.csv.FieldPos(0); f.wide && strings.ContainsRune(strings.Join(cells, ""), utf8.RuneError) {
			err = errors.New("the file is not valid UTF-16 here: save it as UTF-8") // the decoder has replaced a character
		}
	case !errors.Is(err, io.EOF):
		return nil, 0, err
	}
	if f.limit.left == 0 {
		err = ErrRowTooLong
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = LineError{f.line, err}
	}
	return cells, f.line, err
}

// A rowLimitReader limits how many bytes the CSV reader gets for one row, and then returns io.EOF. It does not return
// an error instead, because the CSV reader gives the line on which a row began only after an end of file. One call of
// Read returns at most one line. Therefore all bytes that it has returned since the last row belong to the current row.
type rowLimitReader struct {
	from    *bufio.Reader
	left    int
	formula bool // the row has the beginning of a formula that is not valid CSV
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

// A lineMap records on which line each row begins. The distance between row number and line number
// changes only after a cell of several lines or an empty line. It stores a segment only for such a
// change, so a million plain rows need almost no memory.
type lineMap struct {
	rows     int // the number of rows that were added
	segments []segment
}

// A segment is valid from firstRow to the first row of the next segment. Each of these rows begins on the line
// with its own number plus offset.
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
