package sqlitefile

import (
	"context"
	"database/sql"
	"net/url"
	"strings"

	modernc "modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// OpenReadOnly opens a file without changing it. If no log is next to the file, OpenReadOnly does not even
// lock it. Such a file may be on a read-only medium.
func OpenReadOnly(file string) (*sql.DB, error) {
	v := url.Values{"mode": {"ro"}, "_busy_timeout": {"10000"}}
	if logSize(file) == 0 {
		v.Set("immutable", "1")
	}
	return sql.Open("sqlite", URI(file, v))
}

// FindDamage reads the whole file and returns the first fault that SQLite finds, or "". The text names tables
// and pages, but no stored values.
func FindDamage(ctx context.Context, db *sql.DB) (damage string, err error) {
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
