package sqlitefile

import (
	"context"
	"fmt"
	"os"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// CheckLeftLog returns an error if the database was replaced while the log of the old one stayed next to it.
// SQLite would copy pages of the old database into the new one.
//
// This is possible only if no process serves the database and the file was changed after its log. Then
// CheckLeftLog reads the database together with the log, and returns an error if the result is damaged.
func CheckLeftLog(ctx context.Context, path string) error {
	if logSize(path) == 0 || !changedAfterLog(path) || isServed(path) {
		return nil
	}
	db, err := OpenReadOnly(path) // a connection that writes would do the damage when it closes
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	damage, err := FindDamage(ctx, db)
	if err != nil || damage == "" {
		return ctx.Err() // opening the file returns another error again
	}
	return dberr.Public(fmt.Sprintf("%s does not belong to the log %s%s (%s): the database was replaced and the log of the old one was left; "+
		"if %s is the right copy, remove %s%s and %s%s, else run `keyseatd restore`",
		path, path, walSuffix, damage, path, path, walSuffix, path, shmSuffix))
}

// changedAfterLog reports whether a file was written, or got its name, after the last write to its log.
func changedAfterLog(path string) bool {
	database, err := changedAt(path)
	log, logErr := os.Stat(path + walSuffix)
	return err == nil && logErr == nil && database.After(log.ModTime())
}
