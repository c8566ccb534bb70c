package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	modernc "modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// Contents describe a backup.
type Contents struct {
	Keys int64
	Open int64 // open tasks
	Size int64 // of the file, in bytes
}

// openReadOnly opens a file without changing it. If no log is next to the file, openReadOnly does not even
// lock it. Such a file may be on a read-only medium.
func openReadOnly(file string) (*sql.DB, error) {
	v := url.Values{"mode": {"ro"}, "_busy_timeout": {"10000"}}
	if logSize(file) == 0 {
		v.Set("immutable", "1")
	}
	return sql.Open("sqlite", fileURI(file, v))
}

// verify reads a whole file. It returns an error if the file is damaged, is not a database of keyseat, or
// was migrated by a newer version.
func verify(ctx context.Context, file string) (c Contents, err error) {
	if _, err := os.Stat(file); err != nil {
		return c, dberr.Public(err.Error())
	}
	db, err := openReadOnly(file)
	if err != nil {
		return c, err
	}
	defer func() { _ = db.Close() }() // it was only read
	if damage, err := findDamage(ctx, db); err != nil || damage != "" {
		return c, errors.Join(err, damaged(damage))
	}
	if err := checkSchema(ctx, db); err != nil {
		return c, err
	}
	const count = `SELECT (SELECT count(*) FROM keyseat_keys), (SELECT count(*) FROM keyseat_tasks WHERE ended_at IS NULL),
		page_count * page_size FROM pragma_page_count, pragma_page_size`
	return c, db.QueryRowContext(ctx, count).Scan(&c.Keys, &c.Open, &c.Size)
}

// findDamage reads the whole file and returns the first fault that SQLite finds, or "". The text names tables
// and pages, but no stored values.
func findDamage(ctx context.Context, db *sql.DB) (damage string, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&damage)
	switch {
	case dberr.IsCorrupt(err):
		return modernc.ErrorCodeString[dberr.SQLiteCode(err)], nil
	case err != nil:
		return "", err
	case damage == "ok":
		return "", nil
	}
	return strings.Join(strings.Fields(damage), " "), nil
}

func damaged(damage string) error {
	if damage == "" {
		return nil
	}
	return dberr.Public("the file is damaged: " + damage)
}

// checkSchema returns an error for a database of another program or of a newer version of keyseat.
func checkSchema(ctx context.Context, db *sql.DB) error {
	now, err := sqliteDialect(time.Now, "").session(db).schema(ctx)
	if err == nil && (len(now.applied) == 0 || !slices.Contains(now.tables, "keyseat_keys")) {
		err = dberr.Public("it is no database of keyseat")
	}
	if refused, is := errors.AsType[dberr.Refusal](err); is {
		err = dberr.Public(refused) // without the name of the file, because the caller adds it
	}
	return err
}
