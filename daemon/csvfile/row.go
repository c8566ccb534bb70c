package csvfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxText is the maximum length of the text of a cell, in bytes.
const MaxText = 1024

// CheckText returns why a text cannot be in a cell, or nil if it can.
func CheckText(s string) error {
	switch {
	case len(s) > MaxText:
		return fmt.Errorf("is longer than %d bytes", MaxText)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("has a control character")
	}
	return nil
}

// CheckLines checks a text as [CheckText] does, but allows line breaks, which addresses have.
func CheckLines(s string) error { return CheckText(strings.ReplaceAll(s, "\n", " ")) }

// parseHeader returns the position of each column. The header may name only the given columns, and must name the
// required ones.
func parseHeader(cells, columns, required []string) (map[string]int, error) {
	if slices.Contains(cells, copyColumn) {
		return nil, fmt.Errorf("the column %s marks a copy for spreadsheets, whose cells may be changed: "+
			"import a file that was exported without --spreadsheet", copyColumn)
	}
	if !slices.ContainsFunc(cells, func(c string) bool { return slices.Contains(columns, strings.ToLower(c)) }) {
		return nil, fmt.Errorf("the first line must name the columns: some of %s", strings.Join(columns, ","))
	}
	header := map[string]int{}
	for i, name := range cells {
		if lower := strings.ToLower(name); lower != name && slices.Contains(columns, lower) {
			return nil, fmt.Errorf("column %d (%s) must be written in lower case: %s", i+1, name, lower)
		}
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("column %d%s is not one of %s", i+1, quoteColumn(name), strings.Join(columns, ","))
		}
		if _, twice := header[name]; twice {
			return nil, fmt.Errorf("the column %s comes twice", name)
		}
		header[name] = i
	}
	for _, name := range required {
		if _, found := header[name]; !found {
			return nil, fmt.Errorf("the column %s is missing", name)
		}
	}
	return header, nil
}

const maxQuoted = 32 // the maximum length of an unknown column name that an error quotes, in bytes

// quoteColumn returns an unknown column name for use in an error. It returns "" if the text may be a code,
// because an error must not quote a code.
func quoteColumn(name string) string {
	if name == "" || len(name) > maxQuoted || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && r != '_' && r != '-' && r != ' '
	}) {
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}

// A row returns its cells by column name. It stores the first error of a cell, so that the caller can read all cells and
// check for an error once, at the end.
type row struct {
	columns map[string]int // the position of each column
	width   int            // the number of columns
	cells   []string
	line    int
	err     error

	canonical bool // the header has exactly the columns that [WriteKeys] writes if spreadsheet is false
}

// fail records an error, unless the row already has one.
func (r *row) fail(column, reason string) {
	if r.err == nil {
		r.err = LineError{r.line, fmt.Errorf("%s %s", column, reason)}
	}
}

// rejectDamaged records an error if a spreadsheet has changed a code or an id.
func (r *row) rejectDamaged(column, cell string) {
	if reason := spreadsheetDamage(cell, r.canonical); reason != "" {
		r.fail(column, reason)
	}
}

// text returns a cell of one line, or "" if the file lacks the column.
func (r *row) text(column string) string { return r.checked(column, CheckText) }

// multiline returns a cell that may have line breaks, or "" if the file lacks the column.
func (r *row) multiline(column string) string { return r.checked(column, CheckLines) }

// checked returns a cell. If the check fails, it records an error and returns "".
func (r *row) checked(column string, check func(string) error) string {
	i, found := r.columns[column]
	if !found {
		return ""
	}
	if err := check(r.cells[i]); err != nil {
		r.fail(column, err.Error())
		return ""
	}
	return r.cells[i]
}

// flag reads a Boolean. An empty cell means ifEmpty.
func (r *row) flag(column string, ifEmpty bool) bool {
	switch strings.ToLower(r.text(column)) {
	case "":
		return ifEmpty
	case "0", "false":
		return false
	case "1", "true":
		return true
	}
	r.fail(column, "must be 0, 1, true or false")
	return ifEmpty
}

// time reads a time with [ParseTime] or [ParseEnd]. An empty cell is the zero time.
func (r *row) time(column string, parse func(string) (time.Time, error)) (t time.Time) {
	if cell := r.text(column); cell != "" {
		var err error
		if t, err = parse(cell); err != nil {
			r.fail(column, err.Error())
		}
	}
	return t
}

// ParseTime parses a time of RFC 3339, or a date. A date means 00:00 UTC of that day. The result is in UTC
// and truncated to the microsecond, because databases store microseconds.
func ParseTime(text string) (time.Time, error) {
	if len(text) == len(time.DateOnly) {
		text += "T00:00:00Z"
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !rfc3339.MatchString(text) {
		return time.Time{}, errors.New("must be a time such as 2026-11-22T19:37:00Z or a date such as 2026-11-22")
	}
	t = t.UTC().Truncate(time.Microsecond)
	if y := t.Year(); y < firstYear || y > lastYear {
		return time.Time{}, fmt.Errorf("must be in the years %d to %d", firstYear, lastYear)
	}
	return t, nil
}

// ParseEnd parses a text as [ParseTime] does, but a date means the end of that day: 00:00 UTC of the next day. The end of
// the last valid day is 9999-12-31T23:59:59Z, because a time of the next day is not valid.
func ParseEnd(text string) (time.Time, error) {
	at, err := ParseTime(text)
	if err != nil || len(text) != len(time.DateOnly) {
		return at, err
	}
	if at = at.AddDate(0, 0, 1); at.Year() > lastYear {
		at = at.Add(-time.Second)
	}
	return at, nil
}

// rfc3339 matches the exact form of RFC 3339. [time.Parse] also accepts an hour of one digit, and a comma in the seconds.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

// The first and last valid year of a time. Every database and every format can hold these years.
const (
	firstYear = 1970
	lastYear  = 9999
)
