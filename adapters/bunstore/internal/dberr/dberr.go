// Package dberr describes the errors of both databases in texts without stored values. Such a text has no bind
// parameter, no literal of a statement, no detail of the server's error, and no password of a URL.
//
//	an error of a driver ── Wrap ──▶ "what happened (system, operation, code); what the operator can do"
//
// Errors with a text for people are values of [Public], or come from [Refuse]. [Retryable], [NotStarted],
// [SQLState] and [SQLiteCode] classify errors. They expect errors that are not wrapped yet.
package dberr

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// TxTimeout is the time limit of one transaction, COMMIT included. The error of a longer transaction names this limit.
const TxTimeout = 10 * time.Second

// A Public error has a text that may be shown, because the text holds no stored value.
type Public string

// Error returns the text.
func (e Public) Error() string { return string(e) }

// ErrRetry means that another transaction was faster, and that the whole transaction must run again.
const ErrRetry = Public("other transactions keep changing the same rows: try again")

// A wrapped error is a database error as callers of the store see it.
type wrapped struct {
	text  string
	cause error // an error of [publicErrors], a [Public] error, or nil
}

func (e wrapped) Error() string { return e.text }
func (e wrapped) Unwrap() error { return e.cause }

// A Refusal is an error whose text is complete as the operator reads it: [Wrap] adds nothing.
type Refusal string

// Error returns the text.
func (e Refusal) Error() string { return string(e) }

// Refuse returns a [Refusal] with a formatted text.
func Refuse(format string, values ...any) error {
	return Refusal(fmt.Sprintf(format, values...))
}

// Wrap converts an operation's error to an error whose text holds no stored value. The system is the name of the
// database, such as "PostgreSQL" or "SQLite /path". Wrap returns nil, a [Refusal] and a wrapped error unchanged.
func Wrap(system, operation string, err error) error {
	_, isWrapped := errors.AsType[wrapped](err)
	_, isRefusal := errors.AsType[Refusal](err)
	if err == nil || isWrapped || isRefusal {
		return err
	}
	d := describe(err)
	return wrapped{d.publicText(system + ", " + operation), d.cause}
}

// publicErrors lists errors without stored values. An operator reads the field text instead of the text of the error
// itself.
var publicErrors = []publicError{
	{context.Canceled, "the operation was cancelled"},
	{context.DeadlineExceeded, "no answer in time"},
	{sql.ErrTxDone, "the transaction took longer than " + TxTimeout.String() + ", or was cancelled"},
	{sql.ErrConnDone, "the connection is closed"},
	{driver.ErrBadConn, "the connection is lost"},
	{pgconn.ErrConnClosed, "the connection is lost"},
	{io.EOF, "the server has closed the connection"},
	{io.ErrUnexpectedEOF, "the server has closed the connection"},
	{net.ErrClosed, "the connection is closed"},
}

type publicError struct {
	error
	text string
}

// describe returns a description without stored values. It uses the first of these texts that exists:
//
//  1. The text of a [Public] error.
//  2. The description of an error of a driver, a file or the network ([describeDriver]).
//  3. The text of an error of [publicErrors].
//  4. The redacted text ([redact]).
func describe(err error) (d description) {
	known := slices.IndexFunc(publicErrors, func(e publicError) bool { return errors.Is(err, e.error) })
	switch public, isPublic := errors.AsType[Public](err); {
	case isPublic:
		d.what, d.cause = public.Error(), public
	case describeDriver(err, &d):
	case known >= 0:
		d.what = publicErrors[known].text
	default:
		d.what = redact(err.Error())
	}
	if known >= 0 {
		d.cause = publicErrors[known].error
	}
	return d
}

// describeDriver describes an error of either driver, of a file or of the network. It returns false for other errors.
func describeDriver(err error, d *description) bool {
	if connect, found := errors.AsType[*pgconn.ConnectError](err); found {
		*d = describeConnect(connect)
	} else if server, found := errors.AsType[*pgconn.PgError](err); found {
		*d = describeServer(server)
	} else if file, found := errors.AsType[*modernc.Error](err); found {
		*d = describeSQLite(file.Code(), file.Error())
	} else if path, found := errors.AsType[*fs.PathError](err); found {
		*d = describePath(path)
	} else if network, found := errors.AsType[*net.OpError](err); found && network.Addr != nil && !errors.Is(err, net.ErrClosed) {
		*d = description{what: "the connection to PostgreSQL at " + network.Addr.String() + " broke: " + reason(network), placed: true}
	} else {
		return false
	}
	return true
}

// A NotStartedError means that a connection failed, and that the same statements may run again on another connection.
// Either the server has executed nothing, not even the BEGIN, or the statements may run twice.
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

// Retryable reports whether a transaction may succeed if it runs once more. This includes a unique violation, because
// another transaction may have inserted the same row after this transaction began.
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

// WorkerAway reports whether a statement failed because the coordinator of Citus had no connection to a worker.
func WorkerAway(err error) bool {
	switch state := SQLState(err); state {
	case pgerrcode.AdminShutdown, pgerrcode.CrashShutdown, pgerrcode.CannotConnectNow:
		return true
	default:
		return pgerrcode.IsConnectionException(state)
	}
}
