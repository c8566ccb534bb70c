package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
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
const errAgain = plainError("others keep changing the same rows")

// A storeError is what the outside sees of a database's error: never the text of a statement or the
// detail of the error, because they hold what was stored.
type storeError struct {
	text  string
	cause error // only one that says nothing of what was stored
}

func (e storeError) Error() string { return e.text }
func (e storeError) Unwrap() error { return e.cause }

// tell makes an operation's error fit for the outside.
func (s session) tell(operation string, err error) error {
	if _, told := errors.AsType[storeError](err); told || err == nil {
		return err
	}
	system := "postgres"
	if s.embedded() {
		system = "sqlite"
	}
	what, cause := describe(err)
	return storeError{system + ": " + operation + ": " + what, cause}
}

// harmless are the errors that say nothing of what is stored.
var harmless = []error{
	context.Canceled, context.DeadlineExceeded, ErrServed, ErrDistributed,
	sql.ErrConnDone, sql.ErrTxDone, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
}

func describe(err error) (text string, cause error) {
	for _, known := range harmless {
		if errors.Is(err, known) {
			return known.Error(), known
		}
	}
	if plain, found := errors.AsType[plainError](err); found {
		return plain.Error(), nil
	}
	if connect, found := errors.AsType[*pgconn.ConnectError](err); found { // says user and host, no password
		return strings.Join(strings.Fields(connect.Error()), " "), nil
	}
	if server, found := errors.AsType[*pgconn.PgError](err); found {
		return strings.TrimSpace("SQLSTATE " + server.Code + " " + server.ConstraintName), nil
	}
	if file, found := errors.AsType[*modernc.Error](err); found {
		return modernc.ErrorCodeString[file.Code()], nil
	}
	if network, found := errors.AsType[*net.OpError](err); found {
		return network.Error(), nil
	}
	return fmt.Sprintf("a %T", err), nil
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
