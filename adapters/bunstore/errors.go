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

// ErrServed says that another daemon serves the SQLite file.
var ErrServed = errors.New("another daemon serves this database")

// A plainError is an error of our own, whose text may be shown.
type plainError string

// Error gives the text.
func (e plainError) Error() string { return string(e) }

// errAgain asks for the whole transaction to be run again: others were faster.
const errAgain = plainError("other transactions keep changing the same rows: try again")

// A storeError is a database error as callers see it. Its text has no stored value: no bind parameter, no
// literal of a statement, no detail of the server's error, and not the password of the URL.
type storeError struct {
	text  string
	cause error // only one that has no stored value
}

func (e storeError) Error() string { return e.text }
func (e storeError) Unwrap() error { return e.cause }

// tell makes an operation's error fit for the outside.
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

// A description is what an operator is to know of an error.
type description struct {
	what   string // what happened
	code   string // the database's own name for it, "" for none
	advice string // what to do, "" for nothing
	placed bool   // what names the place, so that the operation says nothing more
	cause  error  // see [storeError]
}

// text is one line: what happened first, then where, then what to do.
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

// harmless are errors whose text has no stored value, and what an operator reads in its place.
var harmless = []struct {
	error
	text string
}{
	{ErrServed, ErrServed.Error()},
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

// describe hides values and shows all else. It looks for the kind of error that knows most.
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

// describeDriver knows the errors of both drivers, of files and of the network.
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

// describePath names the file and what the system says.
func describePath(err *fs.PathError) description {
	d := description{what: "cannot " + err.Op + " " + err.Path + ": " + reason(err), placed: true}
	if errors.Is(err, fs.ErrPermission) {
		d.advice = "the user that runs keyseatd must own it, or be allowed to read and write it and its folder"
	}
	return d
}

// sqlState gives the SQLSTATE of an error of Postgres, or "".
func sqlState(err error) string {
	if server, found := errors.AsType[*pgconn.PgError](err); found {
		return server.Code
	}
	return ""
}

// A beginError says that a transaction has not even begun: its connection was dead.
type beginError struct{ error }

func (e beginError) Unwrap() error { return e.error }

// again says whether a transaction may succeed if it is run once more. A unique violation is one that
// it could not see coming: the other row was written after its snapshot was taken.
func again(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "23505": // serialization failure, deadlock, unique violation
		return true
	}
	return unbegun(err) || errors.Is(err, errAgain)
}

// unbegun says that nothing was done, because the connection was dead.
func unbegun(err error) bool {
	_, dead := errors.AsType[beginError](err)
	return dead || errors.Is(err, driver.ErrBadConn)
}
