package csvfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The forms that a spreadsheet can give a code or an id: a rounded number, or a formula.
var (
	rounded = regexp.MustCompile(`(?i)^\d([.,]\d+)?E\+\d\d+$`)
	formula = regexp.MustCompile(`^=".*"$`)
)

// ErrFormula says that a cell is a formula with which a spreadsheet displays a text.
var ErrFormula = errors.New(`a cell looks like a spreadsheet's formula (such as ="000124"): write the text alone`)

// spreadsheetDamage describes how a spreadsheet has changed a code or an id. It returns "" if the cell is unchanged.
//
// A file that was exported without --spreadsheet never contains formulas or apostrophes that a spreadsheet
// added, even after a spreadsheet has saved it. In such a file they are part of the code, so spreadsheetDamage accepts
// them.
func spreadsheetDamage(cell string, exported bool) string {
	switch first := cell[0]; {
	case first >= '0' && first <= '9' && rounded.MatchString(cell):
		return "looks like a number that a spreadsheet has rounded (such as 1.23457E+15): take it from the original file, in a column of type text"
	case !exported && first == '=' && formula.MatchString(cell):
		return `looks like a spreadsheet's formula (such as ="000124"): write the text alone`
	case !exported && first == '\'' && needsEscape(cell[1:]):
		return "begins with an apostrophe, as in a copy for spreadsheets: import a file that was exported without --spreadsheet"
	}
	return ""
}

// formulaPrefixes lists the characters with which a cell begins that spreadsheets read as a formula, or that they
// skip before they detect one.
const formulaPrefixes = "=+-@\t\r\n＝＋－＠"

// The cells that spreadsheets read as a number or a date, and the short numbers that spreadsheets keep unchanged.
var (
	numeric = regexp.MustCompile(`^[\d.,][\d.,:/ eE+-]*$`)
	short   = regexp.MustCompile(`^(0|[1-9]\d{0,10})$`)
)

// needsEscape reports whether a spreadsheet would change the cell. Such a cell is a formula, a number with
// leading zeros or many digits, or a date. In a copy for spreadsheets an apostrophe protects it.
func needsEscape(cell string) bool {
	return strings.IndexAny(cell, formulaPrefixes) == 0 || numeric.MatchString(cell) && !short.MatchString(cell)
}

// copyColumn is the last column of a copy for spreadsheets. Its cells are empty: the name alone marks the
// file as a copy, which must not be imported.
const copyColumn = "spreadsheet"

var errCopy = fmt.Errorf("the column %s marks a copy for spreadsheets, whose cells may be changed: import a file that was exported without --spreadsheet", copyColumn)
