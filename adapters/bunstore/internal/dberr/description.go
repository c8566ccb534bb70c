package dberr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// A description holds the facts about an error that an operator needs.
type description struct {
	what   string // what happened
	code   string // the database's name for the error, or ""
	advice string // what the operator can do, or ""
	placed bool   // whether the text in what names the file or server already
	cause  error  // the field cause of [wrapped]
}

// publicText returns one line: first what happened, then where, then what the operator can do.
func (d description) publicText(where string) string {
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

// describePath returns a description with the file and the reason that the operating system gives.
func describePath(err *fs.PathError) description {
	d := description{what: "cannot " + err.Op + " " + err.Path + ": " + reason(err), placed: true}
	if errors.Is(err, fs.ErrPermission) {
		d.advice = "the user that runs keyseatd must own it, or be allowed to read and write it and its folder"
	}
	return d
}

// quotes lists patterns of quoted values in error texts, and their replacements, in the order of their use by [redact].
var quotes = []struct {
	found *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`://[^@\s]*@`), "://…@"},
	{regexp.MustCompile(`(?s)unable to encode .* into `), "unable to encode a value into "}, // pgx does not quote every value
	{regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*(?:"|$)`), `"…"`},
	{regexp.MustCompile(`(?s)'(?:[^'\\]|\\.|'')*(?:'|$)`), `'…'`},
	{regexp.MustCompile("(?s)`[^`]*(?:`|$)"), "`…`"},
	{regexp.MustCompile(`(?s)\{.*(?:\}|$)`), "{…}"},
	{regexp.MustCompile(`(?s)\[.*(?:\]|$)`), "[…]"},
	{regexp.MustCompile(`\*?\b[a-z]\w*\.[A-Z]\w*`), "a Go value"}, // the name of a Go type does not help an operator
}

// redact removes quoted values from the text of an unknown error, because a driver may quote a value that it cannot
// read or write. It cuts the text after 300 bytes, and replaces an empty text.
func redact(text string) string {
	for _, q := range quotes {
		text = q.found.ReplaceAllString(text, q.shown)
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	if text = strings.TrimRight(strings.TrimSpace(text), ": "); text == "" || !utf8.ValidString(text) {
		return "an error without a text"
	}
	return text
}

// reason returns the reason that the system or the network gives, without the addresses that Go puts before the reason.
func reason(err error) string {
	var (
		number syscall.Errno
		name   *net.DNSError
	)
	switch {
	case errors.As(err, &name):
		return name.Err
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.Canceled):
		return "the operation was cancelled"
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		return "no answer in time"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return redact(err.Error())
		}
		err = inner
	}
}

// sqliteErrors maps each primary result code that an operator can meet to a description and to advice. The
// advice may be "".
var sqliteErrors = map[int][2]string{
	lib.SQLITE_ERROR:      {"SQLite refuses a statement", ""},
	lib.SQLITE_PERM:       {"access is denied", "the user that runs keyseatd must be allowed to read and write the file and its folder"},
	lib.SQLITE_BUSY:       {"another program has locked the database", "wait until it has ended, then try again"},
	lib.SQLITE_LOCKED:     {"a table is locked", "try again"},
	lib.SQLITE_NOMEM:      {"there is not enough memory", ""},
	lib.SQLITE_READONLY:   {"the database cannot be written", "the user that runs keyseatd must be allowed to write the file and its folder"},
	lib.SQLITE_INTERRUPT:  {"the operation was cancelled", ""},
	lib.SQLITE_IOERR:      {"reading or writing the disk failed", "see whether the disk is full, and what the system's log says of it"},
	lib.SQLITE_CORRUPT:    {"the database file is damaged", "stop the daemon and restore a backup"},
	lib.SQLITE_FULL:       {"the disk is full", "free some space"},
	lib.SQLITE_CANTOPEN:   {"the database file, or a file beside it, cannot be opened", "the user that runs keyseatd must be allowed to write the file and its folder"},
	lib.SQLITE_PROTOCOL:   {"locking the database failed", "try again"},
	lib.SQLITE_SCHEMA:     {"another program has changed the schema", "try again"},
	lib.SQLITE_TOOBIG:     {"a value is too large", ""},
	lib.SQLITE_CONSTRAINT: {"a constraint of the database is violated", "run `keyseatd doctor`"},
	lib.SQLITE_MISMATCH:   {"a value has the wrong type", "run `keyseatd doctor`"},
	lib.SQLITE_NOLFS:      {"the file system cannot hold files of this size", ""},
	lib.SQLITE_AUTH:       {"SQLite refuses access", ""},
	lib.SQLITE_NOTADB:     {"the file is no SQLite database, or is encrypted", "check the path"},
}

// sqliteNames has the names of extended result codes for which the driver has no name.
var sqliteNames = map[int]string{
	lib.SQLITE_BUSY_RECOVERY:      "SQLITE_BUSY_RECOVERY",
	lib.SQLITE_BUSY_SNAPSHOT:      "SQLITE_BUSY_SNAPSHOT",
	lib.SQLITE_BUSY_TIMEOUT:       "SQLITE_BUSY_TIMEOUT",
	lib.SQLITE_CANTOPEN_FULLPATH:  "SQLITE_CANTOPEN_FULLPATH",
	lib.SQLITE_CANTOPEN_ISDIR:     "SQLITE_CANTOPEN_ISDIR",
	lib.SQLITE_CANTOPEN_NOTEMPDIR: "SQLITE_CANTOPEN_NOTEMPDIR",
	lib.SQLITE_CANTOPEN_SYMLINK:   "SQLITE_CANTOPEN_SYMLINK",
	lib.SQLITE_CONSTRAINT_CHECK:   "SQLITE_CONSTRAINT_CHECK",
	lib.SQLITE_CONSTRAINT_NOTNULL: "SQLITE_CONSTRAINT_NOTNULL",
	lib.SQLITE_CONSTRAINT_UNIQUE:  "SQLITE_CONSTRAINT_UNIQUE",
	lib.SQLITE_CORRUPT_INDEX:      "SQLITE_CORRUPT_INDEX",
	lib.SQLITE_IOERR_CORRUPTFS:    "SQLITE_IOERR_CORRUPTFS",
	lib.SQLITE_IOERR_DATA:         "SQLITE_IOERR_DATA",
	lib.SQLITE_IOERR_DELETE_NOENT: "SQLITE_IOERR_DELETE_NOENT",
	lib.SQLITE_IOERR_MMAP:         "SQLITE_IOERR_MMAP",
	lib.SQLITE_IOERR_SEEK:         "SQLITE_IOERR_SEEK",
	lib.SQLITE_IOERR_SHMLOCK:      "SQLITE_IOERR_SHMLOCK",
	lib.SQLITE_IOERR_SHMMAP:       "SQLITE_IOERR_SHMMAP",
	lib.SQLITE_IOERR_SHMOPEN:      "SQLITE_IOERR_SHMOPEN",
	lib.SQLITE_IOERR_SHMSIZE:      "SQLITE_IOERR_SHMSIZE",
	lib.SQLITE_IOERR_VNODE:        "SQLITE_IOERR_VNODE",
	lib.SQLITE_READONLY_CANTINIT:  "SQLITE_READONLY_CANTINIT",
	lib.SQLITE_READONLY_CANTLOCK:  "SQLITE_READONLY_CANTLOCK",
	lib.SQLITE_READONLY_DBMOVED:   "SQLITE_READONLY_DBMOVED",
	lib.SQLITE_READONLY_DIRECTORY: "SQLITE_READONLY_DIRECTORY",
	lib.SQLITE_READONLY_RECOVERY:  "SQLITE_READONLY_RECOVERY",
	lib.SQLITE_READONLY_ROLLBACK:  "SQLITE_READONLY_ROLLBACK",
}

var (
	sqliteName = regexp.MustCompile(`\((SQLITE_\w+)\)`)
	// sqliteSchema matches the part of a message that names a table or an index of keyseat, or any column.
	sqliteSchema = regexp.MustCompile(`no such (?:table|index): (?:main\.)?keyseat_\w+|(?:table|index) keyseat_\w+ already exists|no such column: [\w.]+|duplicate column name: \w+`)
)

// describeSQLite describes an extended result code of SQLite. The text comes from the primary code, and the name from
// the extended code. The message may quote a value, so only a part about the schema is shown.
func describeSQLite(result int, message string) description {
	primary := result & 0xff
	words, found := sqliteErrors[primary]
	if !found {
		words[0] = "SQLite reports an error"
	}
	d := description{what: words[0], advice: words[1], code: sqliteNames[result]}
	if primary == lib.SQLITE_ERROR {
		if schema := sqliteSchema.FindString(message); schema != "" {
			d.what += ": " + schema
		}
	}
	for _, code := range []int{result, primary} {
		if name := sqliteName.FindStringSubmatch(modernc.ErrorCodeString[code]); d.code == "" && name != nil {
			d.code = name[1]
			if code != result {
				d.code += fmt.Sprintf(" %d", result)
			}
		}
	}
	return d
}
