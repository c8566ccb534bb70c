package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	modernc "modernc.org/sqlite"
)

// ErrAlreadyServed is the error of a process that wants to serve an SQLite file that another daemon serves.
var ErrAlreadyServed = errors.New("another daemon serves this database")

// A plainError is an error of this package. Its text may be shown, because it holds no stored value.
type plainError string

// Error returns the text.
func (e plainError) Error() string { return string(e) }

// errAgain means that another transaction was faster, and that the whole transaction must run again.
const errAgain = plainError("other transactions keep changing the same rows: try again")

// A storeError is a database error as callers see it. Its text has no stored value: no bind parameter, no
// literal of a statement, and no detail of the server's error. It does not have the password of the URL.
type storeError struct {
	text  string
	cause error // an error of [harmless], or nil
}

func (e storeError) Error() string { return e.text }
func (e storeError) Unwrap() error { return e.cause }

// tell converts an operation's error to a [storeError]. It returns nil and a storeError unchanged.
func (s session) tell(operation string, err error) error {
	if _, told := errors.AsType[storeError](err); told || err == nil {
		return err
	}
	system := "PostgreSQL"
	if s.embedded() {
		system = "SQLite"
	}
	if file, is := s.dialect.(sqlite); is && file.path != "" {
		system += " " + file.path
	}
	d := describe(err)
	return storeError{d.text(system + ", " + operation), d.cause}
}

// A description holds the facts about an error that an operator needs.
type description struct {
	what   string // what happened
	code   string // the database's name for the error, or ""
	advice string // what the operator can do, or ""
	placed bool   // true if the text of what names the file or server
	cause  error  // see [storeError]
}

// text returns one line: first what happened, then where, then what the operator can do.
func (d description) text(where string) string {
	text := d.what
	if d.code != "" {
		where += ", " + d.code
	}
	if !d.placed {
		text += " (" + where + ")"
	}
	if d.advice != "" {
		text += "; " + d.advice
	}
	return strings.Join(strings.Fields(text), " ")
}

// harmless lists errors whose text has no stored value. text is the text that an operator reads instead.
var harmless = []struct {
	error
	text string
}{
	{ErrAlreadyServed, ErrAlreadyServed.Error()},
	{ErrDistributed, ErrDistributed.Error()},
	{context.Canceled, "the operation was cancelled"},
	{context.DeadlineExceeded, "no answer in time"},
	{sql.ErrTxDone, "the transaction took longer than " + bound.String() + ", or was cancelled"},
	{sql.ErrConnDone, "the connection is closed"},
	{driver.ErrBadConn, "the connection is lost"},
	{pgconn.ErrConnClosed, "the connection is lost"},
	{io.EOF, "the server has closed the connection"},
	{io.ErrUnexpectedEOF, "the server has closed the connection"},
	{net.ErrClosed, "the connection is closed"},
}

// describe returns a description without stored values. It uses the first of these that exists:
//
//  1. The text of a [plainError].
//  2. The description of an error of a driver, a file or the network ([describeDriver]).
//  3. The text of an error of [harmless].
//  4. The redacted text ([redact]).
func describe(err error) (d description) {
	known := -1
	for i := range harmless {
		if errors.Is(err, harmless[i].error) {
			known = i
			break
		}
	}
	switch plain, isPlain := errors.AsType[plainError](err); {
	case isPlain:
		d.what = plain.Error()
	case describeDriver(err, &d):
	case known >= 0:
		d.what = harmless[known].text
	default:
		d.what = redact(err.Error())
	}
	if known >= 0 {
		d.cause = harmless[known].error
	}
	return d
}

// describeDriver describes an error of either driver, of a file or of the network. It returns false for
// other errors.
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

// describePath returns a description with the file and the reason that the operating system gives.
func describePath(err *fs.PathError) description {
	d := description{what: "cannot " + err.Op + " " + err.Path + ": " + reason(err), placed: true}
	if errors.Is(err, fs.ErrPermission) {
		d.advice = "the user that runs keyseatd must own it, or be allowed to read and write it and its folder"
	}
	return d
}

// sqlState returns the SQLSTATE of an error of Postgres, or "" for another error.
func sqlState(err error) string {
	if server, found := errors.AsType[*pgconn.PgError](err); found {
		return server.Code
	}
	return ""
}

// A beginError means that nothing was executed, not even the BEGIN, because the connection was dead.
type beginError struct{ error }

func (e beginError) Unwrap() error { return e.error }

// again reports whether a transaction may succeed if it runs once more. This includes a unique violation:
// another transaction wrote the other row after this one had taken its snapshot.
func again(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "23505": // serialization failure, deadlock, unique violation
		return true
	}
	return unbegun(err) || errors.Is(err, errAgain)
}

// unbegun reports whether nothing was executed because the connection was dead.
func unbegun(err error) bool {
	_, dead := errors.AsType[beginError](err)
	return dead || errors.Is(err, driver.ErrBadConn)
}
