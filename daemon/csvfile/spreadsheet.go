package csvfile

import (
	"regexp"
	"strings"
)

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

// The cells that spreadsheets read as a number or a date, and the short numbers that spreadsheets keep unchanged.
var (
	numeric = regexp.MustCompile(`^[\d.,][\d.,:/ eE+-]*$`)
	short   = regexp.MustCompile(`^(0|[1-9]\d{0,10})$`)
)

// needsEscape reports whether a spreadsheet would change the cell: a formula, a number with leading zeros or many digits,
// or a date. In a copy for spreadsheets, an apostrophe protects the cell.
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
