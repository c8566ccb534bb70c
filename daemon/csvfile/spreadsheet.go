package csvfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// What a spreadsheet can have made of a code or an id.
var (
	rounded = regexp.MustCompile(`(?i)^\d([.,]\d+)?E\+\d\d+$`)
	formula = regexp.MustCompile(`^=".*"$`)
)

// ErrFormula says that a cell is a formula by which a spreadsheet shows a text.
var ErrFormula = errors.New(`a cell looks like a spreadsheet's formula (such as ="000124"): write the text alone`)

// damage says what a spreadsheet has done to a code or an id, "" for nothing. A file that was exported
// without --spreadsheet holds neither formulas nor apostrophes of others, also after a spreadsheet has saved
// it: there they are the code's own.
func damage(cell string, exported bool) string {
	switch first := cell[0]; {
	case first >= '0' && first <= '9' && rounded.MatchString(cell):
		return "looks like a number that a spreadsheet has rounded (such as 1.23457E+15): take it from the original file, in a column of type text"
	case !exported && first == '=' && formula.MatchString(cell):
		return `looks like a spreadsheet's formula (such as ="000124"): write the text alone`
	case !exported && first == '\'' && guarded(cell[1:]):
		return "begins with an apostrophe, as in a copy for spreadsheets: import a file that was exported without --spreadsheet"
	}
	return ""
}

// triggers begin what spreadsheets take for a formula, or skip before they look for one.
const triggers = "=+-@\t\r\n＝＋－＠"

// What spreadsheets take for a number or a date, and the numbers that they leave as they are.
var (
	numeric = regexp.MustCompile(`^[\d.,][\d.,:/ eE+-]*$`)
	short   = regexp.MustCompile(`^(0|[1-9]\d{0,10})$`)
)

// guarded says whether a spreadsheet would change the cell, so that an apostrophe guards it in a copy for
// spreadsheets: a formula, a number with leading zeros or many digits, or a date.
func guarded(cell string) bool {
	return strings.IndexAny(cell, triggers) == 0 || numeric.MatchString(cell) && !short.MatchString(cell)
}

// copyColumn is the last column of a copy for spreadsheets. It is empty: its name alone says that the
// cells are not to be imported.
const copyColumn = "spreadsheet"

var errCopy = fmt.Errorf("the column %s marks a copy for spreadsheets, whose cells may be changed: import a file that was exported without --spreadsheet", copyColumn)
