package query

import (
	"github.com/jackc/pgerrcode"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// Assert returns an expression of PostgreSQL that is 1 if the condition is true. Otherwise the statement fails, and
// the server skips all statements that were sent after it, also a COMMIT. [AssertFailed] recognizes the error.
//
// The expression divides by zero, because only a stored function of PostgreSQL could raise another error.
func Assert(condition string) string {
	return "1 / CASE WHEN " + condition + " THEN 1 ELSE 0 END"
}

// AssertFailed reports whether err is the error of a failed [Assert].
func AssertFailed(err error) bool {
	return dberr.SQLState(err) == pgerrcode.DivisionByZero
}
