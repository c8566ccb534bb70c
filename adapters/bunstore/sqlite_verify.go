package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
)

// Contents describe a backup.
type Contents struct {
	Keys int64
	Open int64 // open tasks
	Size int64 // of the file, in bytes
}

// verify reads a whole file. It returns an error if the file is damaged, is not a database of keyseat, or
// was migrated by a newer version.
func verify(ctx context.Context, file string) (c Contents, err error) {
	if _, err := os.Stat(file); err != nil {
		return c, dberr.Public(err.Error())
	}
	db, err := sqlitefile.OpenReadOnly(file)
	if err != nil {
		return c, err
	}
	defer func() { _ = db.Close() }() // it was only read
	if damage, err := sqlitefile.FindDamage(ctx, db); err != nil || damage != "" {
		return c, errors.Join(err, damaged(damage))
	}
	if err := checkSchema(ctx, db); err != nil {
		return c, err
	}
	const count = `SELECT (SELECT count(*) FROM keyseat_keys), (SELECT count(*) FROM keyseat_tasks WHERE ended_at IS NULL),
		page_count * page_size FROM pragma_page_count, pragma_page_size`
	return c, db.QueryRowContext(ctx, count).Scan(&c.Keys, &c.Open, &c.Size)
}

func damaged(damage string) error {
	if damage == "" {
		return nil
	}
	return dberr.Public("the file is damaged: " + damage)
}

// checkSchema returns an error for a database of another program or of a newer version of keyseat.
func checkSchema(ctx context.Context, db *sql.DB) error {
	now, err := session{dialect: sqliteDialect(time.Now, ""), layout: oneServer{}, on: db}.schema(ctx)
	if err == nil && (len(now.applied) == 0 || !slices.Contains(now.tables, "keyseat_keys")) {
		err = dberr.Public("it is no database of keyseat")
	}
	if refused, is := errors.AsType[dberr.Refusal](err); is {
		err = dberr.Public(refused) // without the name of the file, because the caller adds it
	}
	return err
}
