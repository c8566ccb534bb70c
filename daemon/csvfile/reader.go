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

	"github.com/keyseat/keyseat/tasks"
)

// A LineError says on which line of a file a row at fault begins, counted from 1, and why.
type LineError struct {
	Line int
	Err  error
}

// Error names the line and the fault.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives the fault.
func (e LineError) Unwrap() error { return e.Err }

// What a file can be refused for, besides what is in its cells.
var (
	ErrEmpty       = errors.New("the file is empty: its first line names the columns")
	ErrQuote       = errors.New("a quote is out of place or never closed")
	ErrRowTooLong  = fmt.Errorf("the row is longer than %d KiB", maxRow>>10)
	ErrAlreadyRead = errors.New("the file cannot be read a second time: start again")
)

// maxRow bounds a row, in bytes, so that a quote that is never closed does not fill the memory. It
// has room for every column at [MaxText], each byte quoted.
const maxRow = 64 << 10

// A Reader is one CSV file. It is read once, by one goroutine: by [Reader.Keys] or by [Reader.Edits].
type Reader struct {
	in    *bufio.Reader
	gate  *gate
	csv   *csv.Reader
	wide  bool // the file is in UTF-16
	line  int  // on which the row that was read last begins
	lines lines
	spent bool
}

// New makes a sheet of a file in UTF-8 or UTF-16, with or without a byte order mark. Its cells are
// separated by commas, semicolons or tabs: the first line says by which.
func New(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, maxRow)} }

// open finds out how the file is written.
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
	s.csv.FieldsPerRecord = -1 // because the reader's own error does not tell what was expected
	return nil
}

// LineOf turns the row of a [tasks.RowError] into the line on which that row begins, so that the
// error is a [LineError]; any other error is left as it is. A store that cannot tell the row gives 0:
// then the fault stands alone.
func (s *Reader) LineOf(err error) error {
	var row tasks.RowError
	if !errors.As(err, &row) {
		return err
	}
	if row.Row < 1 {
		return row.Err
	}
	return LineError{s.lines.of(row.Row), row.Err}
}

// begin reads the header. The columns are those that may be named, those of need must be.
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

// next reads the next row into r, or gives io.EOF.
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

// read gives the cells of a row and the line on which it begins.
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

// isBroken says whether a cell has the character that stands for invalid UTF-16.
func isBroken(cell string) bool { return strings.ContainsRune(cell, utf8.RuneError) }

// A gate lets only so many bytes through, and then claims that the file ends: the CSV reader tells
// the line on which a row began after an end of file, but not after an error. It gives one line at most
// at a time, so that what it has seen is of the row that is being read.
type gate struct {
	from    *bufio.Reader
	left    int
	formula bool // the row has the beginning of a formula that is no valid CSV
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
	_, _ = g.from.Discard(n) // cannot fail: it has just been peeked at
	g.left -= n
	return n, nil
}
