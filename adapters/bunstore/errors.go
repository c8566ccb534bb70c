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
	if err == nil {
		return nil
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
	context.Canceled, context.DeadlineExceeded, ErrServed,
	sql.ErrConnDone, sql.ErrTxDone, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
}

func describe(err error) (text string, cause error) {
	var (
		server  *pgconn.PgError
		connect *pgconn.ConnectError
		file    *modernc.Error
		network *net.OpError
		plain   plainError
	)
	for _, known := range harmless {
		if errors.Is(err, known) {
			return known.Error(), known
		}
	}
	switch {
	case errors.As(err, &plain):
		return plain.Error(), nil
	case errors.As(err, &connect): // says the user and the host, and never the password
		return strings.Join(strings.Fields(connect.Error()), " "), nil
	case errors.As(err, &server):
		return strings.TrimSpace("SQLSTATE " + server.Code + " " + server.ConstraintName), nil
	case errors.As(err, &file):
		return modernc.ErrorCodeString[file.Code()&0xff], nil
	case errors.As(err, &network):
		return network.Error(), nil
	}
	return fmt.Sprintf("a %T", err), nil
}

// sqlState gives the SQLSTATE of a Postgres's error, and the constraint that it names.
func sqlState(err error) (code, constraint string) {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code, server.ConstraintName
	}
	return "", ""
}

// again says whether a transaction may succeed if it is run once more. A unique violation is one that
// it could not see coming: the other row was written after its snapshot was taken.
func again(err error) bool {
	code, _ := sqlState(err)
	return errors.Is(err, errAgain) || code == "40001" || code == "40P01" || code == "23505"
}
