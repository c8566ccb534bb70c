package csvfile

import (
	"bufio"
	"bytes"
	"errors"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

// decode returns the text of a file as UTF-8 without a byte order mark. The result wide reports whether the file is in
// UTF-16. decode also detects UTF-16 without a byte order mark, because every second byte of column names is then zero.
func decode(in *bufio.Reader) (text *bufio.Reader, wide bool, err error) {
	first, _ := in.Peek(4) // an error means that the file has fewer bytes
	order := unicode.LittleEndian
	switch {
	case bytes.HasPrefix(first, []byte("PK\x03\x04")):
		return nil, false, LineError{1, errors.New("the file is a spreadsheet's own format: save it as CSV")}
	case bytes.HasPrefix(first, []byte("\ufeff")):
		_, _ = in.Discard(len("\ufeff")) // cannot fail: the bytes were peeked
		return in, false, nil
	case bytes.HasPrefix(first, []byte("\xff\xfe")) || zerosAt(first, 1, 3):
	case bytes.HasPrefix(first, []byte("\xfe\xff")) || zerosAt(first, 0, 2):
		order = unicode.BigEndian
	default:
		return in, false, nil
	}
	decoder := unicode.UTF16(order, unicode.UseBOM).NewDecoder()
	return bufio.NewReaderSize(decoder.Reader(in), maxRow), true, nil
}

// zerosAt reports whether first has four bytes, of which only those at i and j are zero.
func zerosAt(first []byte, i, j int) bool {
	return len(first) == 4 && bytes.Count(first, []byte{0}) == 2 && first[i] == 0 && first[j] == 0
}

const separators = ",;\t"

// separatorLine matches a line by which a spreadsheet declares the separator, such as "sep=;".
var separatorLine = regexp.MustCompile(`(?i)^"?sep=(.)"?$`)

// findSeparator returns the separator of a file:
//
//   - If the first line is a declaration such as "sep=;", findSeparator returns the declared separator. It also discards
//     the declaration, so that the line becomes an empty one.
//   - Otherwise it returns the only separator in the first line, or a comma if the line has none.
func findSeparator(in *bufio.Reader) (rune, error) {
	before, first := peekLine(in)
	line := 1 + strings.Count(before, "\n")
	if found := separatorLine.FindStringSubmatch(first); found != nil {
		if !strings.Contains(separators, found[1]) {
			return 0, LineError{line, errors.New("sep= must name a comma, a semicolon or a tab")}
		}
		_, _ = in.Discard(len(before) + len(first)) // cannot fail: the bytes were peeked
		return rune(found[1][0]), nil
	}
	separator, n := ',', 0
	for _, c := range separators {
		if strings.ContainsRune(first, c) {
			separator, n = c, n+1
		}
	}
	if n > 1 {
		return 0, LineError{line, errors.New("the first line must name the columns with one separator between them, " +
			"and it has several of comma, semicolon and tab")}
	}
	return separator, nil
}

// peekLine returns the first line that is not empty, and the line ends before that line. It does not wait for input after
// the line, because a person may be typing the file.
func peekLine(in *bufio.Reader) (before, line string) {
	for {
		text, _ := in.Peek(in.Buffered()) // cannot fail
		rest := bytes.TrimLeft(text, "\r\n")
		before = string(text[:len(text)-len(rest)])
		if end := bytes.IndexAny(rest, "\r\n"); end >= 0 {
			return before, string(rest[:end])
		}
		if _, err := in.Peek(len(text) + 1); err != nil {
			return before, string(rest) // the next read returns the error again
		}
	}
}

// The forms that a spreadsheet can give a code or an id: a rounded number, or a formula.
var (
	rounded = regexp.MustCompile(`(?i)^\d([.,]\d+)?E\+\d\d+$`)
	formula = regexp.MustCompile(`^=".*"$`)
)

// formulaDamage describes a cell that is a formula with which a spreadsheet displays a text.
const formulaDamage = `looks like a spreadsheet's formula (such as ="000124"): write the text alone`

// spreadsheetDamage describes how a spreadsheet has changed a code or an id. It returns "" if the cell is unchanged.
//
// The argument exported means that the file has the columns of an export without --spreadsheet. A spreadsheet that saves
// an export adds no formulas and no apostrophes. So a formula or an apostrophe in an export belongs to the code, and
// spreadsheetDamage accepts it.
func spreadsheetDamage(cell string, exported bool) string {
	switch first := cell[0]; {
	case first >= '0' && first <= '9' && rounded.MatchString(cell):
		return "looks like a number that a spreadsheet has rounded (such as 1.23457E+15): take it from the original file, in a column of type text"
	case !exported && first == '=' && formula.MatchString(cell):
		return formulaDamage
	case !exported && first == '\'' && needsEscape(cell[1:]):
		return "begins with an apostrophe, as in a copy for spreadsheets: import a file that was exported without --spreadsheet"
	}
	return ""
}

// formulaPrefixes lists the first characters of the cells that spreadsheets read as formulas. It includes white space that
// spreadsheets skip before a formula.
const formulaPrefixes = "=+-@\t\r\n＝＋－＠"

// numeric matches the cells that spreadsheets read as a number or a date. Of these, short matches the numbers that
// spreadsheets keep unchanged.
var (
	numeric = regexp.MustCompile(`^[\d.,][\d.,:/ eE+-]*$`)
	short   = regexp.MustCompile(`^(0|[1-9]\d{0,10})$`)
)

// needsEscape reports whether a spreadsheet would change the cell, because the cell is a formula, a date, or a number
// with leading zeros or many digits. In a copy for spreadsheets, an apostrophe protects the cell.
func needsEscape(cell string) bool {
	return strings.IndexAny(cell, formulaPrefixes) == 0 || numeric.MatchString(cell) && !short.MatchString(cell)
}

// copyColumn is the last column of a copy for spreadsheets. The cells of the column are empty: its name marks the file as
// a copy, which must not be imported.
const copyColumn = "spreadsheet"

// escapeCells adds an apostrophe to the cells that a spreadsheet would change, so that the spreadsheet reads these cells as
// text. It also appends the empty cell of the last column.
func escapeCells(cells []string) []string {
	for i, c := range cells {
		if needsEscape(c) {
			cells[i] = "'" + c
		}
	}
	return append(cells, "")
}
