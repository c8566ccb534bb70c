package dberr

import (
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// A NotStartedError means that the same statements may run again on another connection, because the first one was dead.
// Either nothing was executed, not even the BEGIN, or the statements may run twice.
type NotStartedError struct{ Err error }

// Error returns the text of the error of the connection.
func (e NotStartedError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the connection.
func (e NotStartedError) Unwrap() error { return e.Err }

// NotStarted reports whether err is a [NotStartedError], or means that the driver has executed nothing.
func NotStarted(err error) bool {
	_, dead := errors.AsType[NotStartedError](err)
	return dead || errors.Is(err, driver.ErrBadConn)
}

// Retryable reports whether a transaction may succeed if it runs once more. This includes a unique violation:
// another transaction wrote the other row after this one had taken its snapshot.
func Retryable(err error) bool {
	switch SQLState(err) {
	case pgerrcode.SerializationFailure, pgerrcode.DeadlockDetected, pgerrcode.UniqueViolation:
		return true
	}
	return NotStarted(err) || errors.Is(err, ErrRetry)
}

// SQLState returns the SQLSTATE of an error of PostgreSQL, or "" for another error.
func SQLState(err error) string {
	if server, found := errors.AsType[*pgconn.PgError](err); found {
		return server.Code
	}
	return ""
}

// SQLiteCode returns the primary result code of an error of SQLite, or 0.
func SQLiteCode(err error) int {
	if file, found := errors.AsType[*modernc.Error](err); found {
		return file.Code() & 0xff
	}
	return 0
}

// IsCorrupt reports whether SQLite has found that a file is damaged or is no database.
func IsCorrupt(err error) bool {
	code := SQLiteCode(err)
	return code == lib.SQLITE_CORRUPT || code == lib.SQLITE_NOTADB
}
