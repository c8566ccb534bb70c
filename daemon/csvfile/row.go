package csvfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxText is the longest text of a cell, in bytes.
const MaxText = 1024

// What a cell of text can be refused for.
var (
	ErrUTF8    = errors.New("is not UTF-8")
	ErrControl = errors.New("has a control character")
	ErrText    = fmt.Errorf("is longer than %d bytes", MaxText)
)

// CheckText says why a text can stand in no cell: [ErrUTF8], [ErrControl], [ErrText] or nil.
func CheckText(s string) error {
	switch {
	case len(s) > MaxText:
		return ErrText
	case !utf8.ValidString(s):
		return ErrUTF8
	case strings.ContainsFunc(s, unicode.IsControl):
		return ErrControl
	}
	return nil
}

// A row reads its cells by their columns' names and keeps the first fault, so that its reader need
// look for one only at the end.
type row struct {
	columns map[string]int
	width   int
	cells   []string
	line    int
	err     error

	exported bool // the file has the columns that WriteKeys writes for an import
}

// fail keeps the first fault.
func (r *row) fail(column, fault string) {
	if r.err == nil {
		r.err = LineError{r.line, fmt.Errorf("%s %s", column, fault)}
	}
}

// undamaged keeps what a spreadsheet has done to a code or an id.
func (r *row) undamaged(column, cell string) {
	if fault := damage(cell, r.exported); fault != "" {
		r.fail(column, fault)
	}
}

// has says whether the file has that column.
func (r *row) has(column string) bool {
	_, found := r.columns[column]
	return found
}

// text reads a cell of one line; "" if there is no such column.
func (r *row) text(column string) string {
	i, found := r.columns[column]
	if !found {
		return ""
	}
	return r.checked(column, r.cells[i], r.cells[i])
}

// prose is text that may have line breaks, as addresses do.
func (r *row) prose(column string) string {
	i, found := r.columns[column]
	if !found {
		return ""
	}
	return r.checked(column, r.cells[i], strings.ReplaceAll(r.cells[i], "\n", " "))
}

// checked is the cell, if what is to be looked at of it is a text.
func (r *row) checked(column, cell, looked string) string {
	if err := CheckText(looked); err != nil {
		r.fail(column, err.Error())
		return ""
	}
	return cell
}

// flag reads a truth value, or the one otherwise if the cell is empty.
func (r *row) flag(column string, otherwise bool) bool {
	switch strings.ToLower(r.text(column)) {
	case "":
		return otherwise
	case "0", "false":
		return false
	case "1", "true":
		return true
	}
	r.fail(column, "must be 0, 1, true or false")
	return otherwise
}

// time reads a time as [ParseTime] does; zero if the cell is empty.
func (r *row) time(column string) time.Time { return r.parsed(column, ParseTime) }

// end reads a time as [ParseEnd] does; zero if the cell is empty.
func (r *row) end(column string) time.Time { return r.parsed(column, ParseEnd) }

func (r *row) parsed(column string, parse func(string) (time.Time, error)) (t time.Time) {
	if cell := r.text(column); cell != "" {
		var err error
		if t, err = parse(cell); err != nil {
			r.fail(column, err.Error())
		}
	}
	return t
}

// What a time can be refused for.
var (
	errTime = errors.New("must be a time such as 2026-11-22T19:37:00Z or a date such as 2026-11-22")
	errYear = fmt.Errorf("must be in the years %d to %d", firstYear, lastYear)
)

// ParseTime reads RFC 3339, or a date, which is the midnight in UTC with which it begins. The time is
// in UTC, and cut to the microsecond, because that is how databases keep it.
func ParseTime(text string) (time.Time, error) {
	if len(text) == len(time.DateOnly) {
		text += "T00:00:00Z"
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !rfc3339.MatchString(text) {
		return time.Time{}, errTime
	}
	t = t.UTC().Truncate(time.Microsecond)
	if y := t.Year(); y < firstYear || y > lastYear {
		return time.Time{}, errYear
	}
	return t, nil
}

// ParseEnd is [ParseTime] for the time at which something ends: a date is the midnight in UTC with which
// that day ends. The last day that a time can be in ends a second before.
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

// rfc3339 is what [time.Parse] is too lenient about: the number of digits, and no comma.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

// The years that a time may be in: every database and every format can hold them.
const (
	firstYear = 1970
	lastYear  = 9999
)
