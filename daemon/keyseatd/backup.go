package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/archive"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/daemon/faultinject"
	"github.com/keyseat/keyseat/daemon/terminal"
	taskarchive "github.com/keyseat/keyseat/tasks/archive"
)

type backupCmd struct {
	databaseFlag
	File string `arg:"" help:"The file to write; it must not exist yet." validate:"required"`
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
	s, err := bunstore.Open(ctx, b.Database, bunstore.Options{Now: faultinject.Now})
	if err != nil {
		return err
	}
	bar := terminal.NewByteBar(c.err, "backing up", -1)
	got, err := s.Backup(ctx, b.File, bar.Set)
	bar.Clear()
	if err = errors.Join(err, s.Close()); err != nil { //nolint:contextcheck // closing must not be cut short
		return err
	}
	c.audit(ctx, nil, "backup", int(got.Keys)) // nil: no entry in the database, because its schema may be too old
	stored := fmt.Sprintf("backed up %s to %s (%.1f MB)", summary(got), b.File, float64(got.Size)/1e6)
	return c.printStored(stored, "the backup is complete", stored, "the master keys are not in it: keep a copy of their file apart")
}

// onlySQLite returns a usage error if the database is not SQLite, or if the file is "-". A backup must be a named file,
// because the store opens the file to check it.
func (d databaseFlag) onlySQLite(command, file string) error {
	switch {
	case !strings.HasPrefix(d.Database, sqlitePrefix):
		return usageError{fmt.Errorf("%s is for SQLite: with PostgreSQL use pg_dump and pg_restore, as daemon/docs/operations.md shows", command)}
	case file == "-":
		return usageError{errors.New("FILE must be the name of a file, because a backup is checked by opening it")}
	}
	return nil
}

func summary(got bunstore.Contents) string {
	return fmt.Sprintf("%d keys and %d open tasks", got.Keys, got.Open)
}

type restoreCmd struct {
	databaseFlag
	File          string `arg:"" help:"The backup." validate:"required"`
	MasterKeyFile string `placeholder:"FILE" help:"Keys that encrypt secrets. By default the file next to the database."`
}

// Run replaces the database with the backup and examines the result with the doctor.
func (r *restoreCmd) Run(ctx context.Context, c stdio) error {
	if err := r.onlySQLite("restore", r.File); err != nil {
		return err
	}
	path := strings.TrimPrefix(r.Database, sqlitePrefix)
	kept, got, err := bunstore.Restore(ctx, r.File, path)
	var stored []string
	if kept != "" {
		stored = append(stored, "the old database is kept as "+kept)
	}
	if err == nil {
		stored = append(stored, "restored "+summary(got)+" to "+path)
		c.audit(ctx, nil, "restore", int(got.Keys)) // nil: no entry in the database, because its schema may be too old
	}
	err = errors.Join(err, c.printStored(strings.Join(stored, ", "), "`keyseatd doctor` examines the database", stored...))
	if err != nil {
		return err
	}
	doctor := doctorCmd{databaseList: databaseList{databaseFlag: r.databaseFlag}, MasterKeyFile: r.MasterKeyFile}
	if doctor.MasterKeyFile == "" {
		if doctor.MasterKeyFile, err = r.masterKeys(ctx, got.Open); err != nil {
			return err
		}
	}
	return doctor.Run(ctx, c)
}

// masterKeys returns the path of the master key file next to the database. If the file is missing, it
// returns "", or an error if tasks are open.
func (r *restoreCmd) masterKeys(ctx context.Context, open int64) (path string, err error) {
	err = r.open(ctx, func(s *bunstore.Store) error {
		path = defaultMasterKeyFile(s.Path())
		return nil
	})
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if open > 0 {
		return "", fmt.Errorf("%d open tasks need their master keys: put their file back as %s, and run `keyseatd doctor`", open, path)
	}
	return "", nil
}

type archiveCmd struct {
	databaseFlag
	Before string `required:"" placeholder:"DATE" help:"Archive the keys without a change since then: a time, or a date (its first moment in UTC), at least a week ago."`
	To     string `required:"" placeholder:"FOLDER" help:"Folder of the files; it is created if it does not exist."`
}

func (a *archiveCmd) Run(ctx context.Context, c stdio) error {
	before, err := csvfile.ParseTime(a.Before)
	if err != nil {
		return usageError{fmt.Errorf("--before %w", err)}
	}
	if before.After(time.Now().Add(-taskarchive.MinAge)) {
		return usageError{fmt.Errorf("--before must be at least %d days ago: younger tasks may still change", taskarchive.MinAge/(24*time.Hour))}
	}
	return a.open(ctx, func(s *bunstore.Store) error {
		bar := terminal.NewRowBar(c.err, "archiving")
		run := archive.Run{
			Store: s, Before: before, Folder: a.To, NewID: operatorEngine(s).NewID,
			Healthy: doctor.Doctor{Stale: staleLease}.Healthy, Progress: bar.Add,
		}
		result, err := run.Do(ctx)
		bar.Clear()
		c.audit(ctx, s, "archive", result.Keys)
		return errors.Join(err, c.done(result.String(), "the files are in "+a.To))
	})
}
