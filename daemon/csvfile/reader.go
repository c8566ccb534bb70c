// Package csvfile reads keys and plans from CSV files, and stores the plans. It writes keys, tasks, the audit log, and the
// archived rows of a store. It never holds all keys of a file in memory.
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
// character, and a code that a spreadsheet has changed are errors. The reason: a wrong value in a store of prepaid
// goods would harm a customer.
//
// [Reader.Keys] reads exactly the keys that [WriteKeys] has written.
//
// Errors never quote a cell, because the cell may contain a code, which anybody with access to the log could then use.
package csvfile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keyseat/keyseat/tasks/adminstore"
)

// ErrAlreadyRead is the error of a second attempt to read the rows of a [Reader].
var ErrAlreadyRead = errors.New("the file cannot be read a second time: start again")

// A Reader reads one CSV file, once, with [Reader.Keys], [Reader.CheckKeys], [Reader.Plans] or [Reader.CheckPlans]. It
// is not safe for concurrent use.
type Reader struct {
	in      *bufio.Reader
	limit   *rowLimitReader
	csv     *csv.Reader
	wide    bool // the file is in UTF-16
	line    int  // the line on which the latest row begins
	lines   lineMap
	started bool
}

// New returns a Reader of a file in UTF-8 or UTF-16, with or without a byte order mark. The separator is a comma, a
// semicolon or a tab. New reads nothing: the first method that reads rows detects the encoding and the separator.
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
	f.csv.FieldsPerRecord = -1 // no check, because the error of package csv would not contain the expected number
	return nil
}

// LineOf converts an [adminstore.RowError] to a [LineError], which has the line on which the row begins. If the row number
// is 0, the store does not know the row, and LineOf returns only the error of the row. LineOf returns an error of any
// other type unchanged.
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

// begin reads the header. The header may name only the given columns, and must name the required ones.
func (f *Reader) begin(columns, required []string) (*row, error) {
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
	header, err := parseHeader(cells, columns, required)
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
		return LineError{line, fmt.Errorf("%d cells under a header of %d: give each row a cell for each column", len(cells), r.width)}
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
		f.line = invalid.StartLine
		err = errors.New("a quote is out of place or never closed: put quotes around the whole cell, and double each quote inside")
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

// A Result is the result of checking one row of a file.
type Result[T any] struct {
	Line  int // the line on which the row begins
	Value T
	Err   error // nil: the row is valid; never a [LineError], because Line has the line
}

// check reads the rows of a file and continues after an invalid row, whose [Result] has the error. If the sequence itself
// yields an error, the sequence ends.
func check[T any](f *Reader, columns, required []string, read func(*row) T) iter.Seq2[Result[T], error] {
	return func(yield func(Result[T], error) bool) {
		r, err := f.begin(columns, required)
		for err == nil {
			var result Result[T]
			if err = f.next(r); err == nil {
				result.Value = read(r)
				err = r.err
			}
			result.Line = f.line
			if invalid := (LineError{}); errors.As(err, &invalid) && !errors.Is(err, ErrRowTooLong) {
				result.Value, result.Err, err = *new(T), invalid.Err, nil
			}
			if err == nil && !yield(result, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(Result[T]{}, err)
		}
	}
}

// values yields the values of rows until the first error. The error of an invalid row becomes a [LineError].
func values[T any](rows iter.Seq2[Result[T], error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for row, err := range rows {
			if row.Err != nil {
				err = LineError{row.Line, row.Err}
			}
			if !yield(row.Value, err) || err != nil {
				return
			}
		}
	}
}
