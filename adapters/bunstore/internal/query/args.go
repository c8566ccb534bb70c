package query

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// Args are the named arguments of a statement: the text "@n" is replaced by Args["n"]. The replacement
// depends on the type of the argument:
//
//	int, string, time.Time, time.Duration   a bind parameter
//	Rows                                    a common table expression with that name; it belongs after WITH
//	TextArray                               an array, for "= ANY (@codes)"
//	InlineRows                              a table in FROM
//
// Values of other types must be columns of [Rows]. A given text must always have arguments of the same types,
// because its compiled form is cached.
//
// The text "@now" needs no argument. It is the current time of the [Dialect].
//
// For example, this statement marks two keys as used:
//
//	WITH @want UPDATE keyseat_keys SET used = true WHERE code IN (SELECT code FROM want)
//	Args{"want": Rows{Columns: "code text", Values: [][]any{{"A"}, {"B"}}}}
type Args map[string]any

// Rows is a small table whose values are bind parameters. The text of a statement does not depend on the
// number of rows. There are two exceptions: no row and one row compile to shorter texts.
type Rows struct {
	Columns Columns // the compiled table has one more, "place": the order of the rows
	Values  [][]any // of each row
}

// Add appends a row.
func (r *Rows) Add(values ...any) { r.Values = append(r.Values, values) }

// Texts returns the values of a column.
func (r Rows) Texts(column string) (all TextArray) {
	i := 0
	r.Columns.Each(func(name, _ string) {
		if name == column {
			all = columnOf[string](r.Values, i)
		}
		i++
	})
	return all
}

// columnOf returns the i-th column of rows, whose values are of type T or nil.
func columnOf[T any](rows [][]any, i int) []T {
	all := make([]T, len(rows))
	for n, row := range rows {
		switch value := row[i].(type) {
		case T:
			all[n] = value
		case time.Time: // here T is *time.Time, because NULL is nil
			all[n] = any(&value).(T)
		}
	}
	return all
}

// InlineRows are rows that become a table in FROM. Distributed stores need them, because a statement on many
// servers cannot have WITH.
type InlineRows Rows

// A TextArray is an array of texts.
type TextArray []string

const errInvalidText = dberr.Public("a text is not UTF-8, or has a NUL")

// validText reports whether the database stores the texts of an argument unchanged. It returns false for texts
// that are not UTF-8 or contain a NUL. If the database changed them, two keys could become one.
func validText(value any) bool {
	switch value := value.(type) {
	case string:
		return utf8.ValidString(value) && strings.IndexByte(value, 0) < 0
	case InlineRows:
		return validText(Rows(value))
	case TextArray:
		return !slices.ContainsFunc(value, func(s string) bool { return !validText(s) })
	case Rows:
		for _, row := range value.Values {
			for _, v := range row {
				if s, isText := v.(string); isText && !validText(s) {
					return false
				}
			}
		}
	}
	return true
}
