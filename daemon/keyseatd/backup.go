package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// backupCmd is the command keyseatd backup.
type backupCmd struct {
	databaseFlag
	File string `arg:"" help:"The file to write; it must not exist yet." validate:"required"`
}

// Help explains what the file contains and shows examples.
func (*backupCmd) Help() string {
	return examples("It copies an SQLite database as it is at one moment, while daemons serve. The copy is complete, checked and on disk "+
		"before it gets its name. Only its owner can read it (mode 0600). It holds nothing that was erased, and not the master keys: "+
		"keep a copy of their file apart. PostgreSQL has tools of its own: daemon/ops/README.md shows them.",
		"keyseatd backup /var/backups/keyseat/monday.db",
		"keyseatd backup --database sqlite:/var/lib/keyseat/keyseat.db monday.db")
}

// Run writes the backup and prints a summary. It does not migrate the schema, because users make a backup
// before an upgrade.
func (b *backupCmd) Run(ctx context.Context, c stdio) error {
	if err := b.onlySQLite("backup", b.File); err != nil {
		return err
	}
	if err := b.exists(); err != nil {
		return err
	}
	s, err := bunstore.Open(ctx, b.Database, bunstore.Options{Now: clock})
	if err != nil {
		return err
	}
	progress, done := c.byteProgress("backing up")
	got, err := s.Backup(ctx, b.File, progress)
	done()
	if err = errors.Join(err, s.Close()); err != nil { //nolint:contextcheck // closing must not be cut short
		return err
	}
	_, err = fmt.Fprintf(c.out, "backed up %s to %s (%.1f MB)\nthe master keys are not in it: keep a copy of their file apart\n",
		summary(got), b.File, float64(got.Size)/1e6)
	return err
}

// onlySQLite returns a usage error if the database is not SQLite, or if file is "-". A
// backup must be a named file, because it is checked by opening it.
func (d databaseFlag) onlySQLite(command, file string) error {
	switch {
	case !strings.HasPrefix(d.Database, sqlitePrefix):
		return usageError{fmt.Errorf("%s is for SQLite: with PostgreSQL use pg_dump and pg_restore, as daemon/ops/README.md shows", command)}
	case file == "-":
		return usageError{errors.New("FILE must be the name of a file, because a backup is checked by opening it")}
	}
	return nil
}

// summary returns a summary of a backup's contents.
func summary(got bunstore.Contents) string {
	return fmt.Sprintf("%d keys and %d open tasks", got.Keys, got.Open)
}

// byteProgress shows a progress bar on a terminal: n of size bytes are written. done removes the bar. progress is
// nil if standard error is not a terminal.
func (c stdio) byteProgress(what string) (progress func(n, size int64), done func()) {
	bar := c.bar(what, -1, progressbar.OptionShowBytes(true))
	if bar == nil {
		return nil, func() {}
	}
	return func(n, size int64) {
		bar.ChangeMax64(size)
		_ = bar.Set64(n) // a bar that cannot be drawn does not stop the backup
	}, func() { _ = bar.Clear() }
}
