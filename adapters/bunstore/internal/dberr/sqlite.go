package dberr

import (
	"fmt"
	"regexp"

	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

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
	// sqliteSchema matches messages about a table or an index of keyseat, or about a column.
	sqliteSchema = regexp.MustCompile(`no such (?:table|index): (?:main\.)?keyseat_\w+|(?:table|index) keyseat_\w+ already exists|no such column: [\w.]+|duplicate column name: \w+`)
)

// describeSQLite describes an extended result code: the words come from its primary code, the name from the extended
// code. A message may quote a value of the statement, so only a message about the schema is shown.
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
