package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A LineError is the error of an invalid row, with the line on which the row begins. Lines are counted from
// 1.
type LineError struct {
	Line int
	Err  error
}

// Error returns the line and the error of the row.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the error of the row without the line.
func (e LineError) Unwrap() error { return e.Err }

// The errors of a file, in addition to the errors of its cells.
var (
	ErrEmpty       = errors.New("the file is empty: its first line names the columns")
	ErrQuote       = errors.New("a quote is out of place or never closed")
	ErrRowTooLong  = fmt.Errorf("the row is longer than %d KiB", maxRow>>10)
	ErrAlreadyRead = errors.New("the file cannot be read a second time: start again")
)

// maxRow is the maximum length of a row, in bytes. The bound keeps memory constant if a quote is never
// closed. It has room for every column at [MaxText] bytes with each byte quoted.
const maxRow = 64 << 10

// A Reader reads one CSV file, once, with [Reader.Keys], [Reader.Check] or [Reader.Plans]. It is not safe
// for concurrent use.
type Reader struct {
	in    *bufio.Reader
	gate  *gate
	csv   *csv.Reader
	wide  bool // the file is in UTF-16
	line  int  // on which the latest row begins
	lines lines
	spent bool
}

// New returns a Reader of a file in UTF-8 or UTF-16, with or without a byte order mark. The separator is a
// comma, a semicolon or a tab; New detects nothing yet, because the first read detects the separator and
// the encoding.
func New(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, maxRow)} }

// open detects the encoding and the separator of the file.
func (s *Reader) open() error {
	text, wide, err := decode(s.in)
	if err != nil {
		return err
	}
	separator, err := findSeparator(text)
	if err != nil {
		return err
	}
	s.gate, s.wide = &gate{from: text}, wide
	s.csv = csv.NewReader(s.gate)
	s.csv.Comma = separator
	s.csv.ReuseRecord = true
	s.csv.FieldsPerRecord = -1 // because the error of the CSV reader does not contain the expected number
	return nil
}

// LineOf converts a [adminstore.RowError] to a [LineError], which has the line on which the row begins. If the
// store does not know the row (row 0), LineOf returns the error of the row alone. It returns any other
// error unchanged.
func (s *Reader) LineOf(err error) error {
	var row adminstore.RowError
	if !errors.As(err, &row) {
		return err
	}
	if row.Row < 1 {
		return row.Err
	}
	return LineError{s.lines.of(row.Row), row.Err}
}

// begin reads the header. The header may name the columns in columns, and must name the columns in need.
func (s *Reader) begin(columns, need []string) (*row, error) {
	if s.spent {
		return nil, ErrAlreadyRead
	}
	s.spent = true
	if err := s.open(); err != nil {
		return nil, err
	}
	cells, line, err := s.read()
	if errors.Is(err, io.EOF) {
		return nil, LineError{1, ErrEmpty}
	}
	if err != nil {
		return nil, err
	}
	header, err := parseHeader(cells, columns, need)
	if err != nil {
		return nil, LineError{line, err}
	}
	return &row{columns: header, width: len(cells), exported: slices.Equal(cells, keyColumns)}, nil
}

// next reads the next row into r. It returns io.EOF at the end of the file.
func (s *Reader) next(r *row) error {
	cells, line, err := s.read()
	if err != nil {
		return err
	}
	s.lines.add(line)
	r.cells, r.line, r.err = cells, line, nil
	if len(cells) != r.width {
		return LineError{line, fmt.Errorf("%d cells under a header of %d", len(cells), r.width)}
	}
	return nil
}

// read returns the cells of the next row and the line on which it begins.
func (s *Reader) read() ([]string, int, error) {
	s.gate.left, s.gate.formula = maxRow, false
	cells, err := s.csv.Read()
	var fault *csv.ParseError
	switch {
	case errors.As(err, &fault):
		s.line, err = fault.StartLine, ErrQuote
		if s.gate.formula {
			err = ErrFormula
		}
	case err == nil:
		if s.line, _ = s.csv.FieldPos(0); s.wide && slices.ContainsFunc(cells, isBroken) {
			err = ErrUTF16
		}
	case !errors.Is(err, io.EOF):
		return nil, 0, err
	}
	if s.gate.left == 0 {
		err = ErrRowTooLong
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = LineError{s.line, err}
	}
	return cells, s.line, err
}

// isBroken reports whether a cell has the replacement character, which the decoder writes for invalid
// UTF-16.
func isBroken(cell string) bool { return strings.ContainsRune(cell, utf8.RuneError) }

// A gate limits how many bytes the CSV reader gets for one row, and then returns io.EOF. It does not return
// an error instead, because the CSV reader gives the line on which a row began only after an end of file.
// One call of Read returns at most one line. Therefore all bytes that it has returned since the last row
// belong to the current row.
type gate struct {
	from    *bufio.Reader
	left    int
	formula bool // the row has the beginning of a formula that is not valid CSV
}

// Read implements [io.Reader].
func (g *gate) Read(p []byte) (int, error) {
	if g.left == 0 {
		return 0, io.EOF
	}
	if _, err := g.from.Peek(1); err != nil {
		return 0, err
	}
	line, _ := g.from.Peek(min(len(p), g.left, g.from.Buffered())) // cannot fail
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
	}
	g.formula = g.formula || bytes.Contains(line, []byte(`="`))
	n := copy(p, line)
	_, _ = g.from.Discard(n) // cannot fail: the bytes were peeked
	g.left -= n
	return n, nil
}
