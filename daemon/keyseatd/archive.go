package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/archive"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/daemon/terminal"
	taskarchive "github.com/keyseat/keyseat/tasks/archive"
)

// archiveCmd is the command keyseatd archive.
type archiveCmd struct {
	databaseFlag
	Before string `required:"" placeholder:"DATE" help:"Archive the keys without a change since then: a time, or a date (its first moment in UTC), at least a week ago."`
	To     string `required:"" placeholder:"FOLDER" help:"Folder of the files; it is created if it does not exist."`
}

// Help explains which rows move, which rows stay, and what the files contain.
func (*archiveCmd) Help() string {
	return examples("It moves ended tasks and history into CSV files of this run, tasks-TIME.csv and history-TIME.csv, a few hundred "+
		"keys at a time, while daemons serve. Keys stay and answer as before. The latest task of each key stays too, and so do "+
		"tasks whose slot is spent: `keyseatd plans release` can still give the slot back. A key is skipped if it has an open task, a suspect slot, "+
		"a queued delivery or a finding of the doctor, or if it was reset after its latest task. "+
		"`keyseatd webhooks replay` does not send archived events.\n\n"+
		"Rows are on disk before they leave the database. If a run is interrupted, the next run may write the last rows of its files "+
		"again, and the very last row may be incomplete. A task is identified by code and id, a line of history by "+
		"code, change and n. The files contain the codes of keys and the invites of plans, so only their owner may read them (mode 0600). "+
		"A spreadsheet may read their cells as formulas.",
		"keyseatd archive --before 2026-01-01 --to /var/backups/keyseat")
}

// Run archives the keys and prints how many rows it moved.
func (a *archiveCmd) Run(ctx context.Context, c stdio) error {
	before, err := a.before(time.Now())
	if err != nil {
		return err
	}
	return a.open(ctx, func(s *bunstore.Store) error {
		run := archive.Run{
			Store: s, Before: before, Folder: a.To, NewID: operatorEngine(s).NewID,
			Healthy:  doctor.Doctor{Stale: staleLease}.Healthy,
			Progress: terminal.NewRowBar(c.err, "archiving").Add,
		}
		result, err := run.Do(ctx)
		return errors.Join(err, c.done(result.String(), "the files are in "+a.To))
	})
}

// before parses --before. The date must be at least [taskarchive.MinAge] ago.
func (a *archiveCmd) before(now time.Time) (time.Time, error) {
	at, err := csvfile.ParseTime(a.Before)
	if err != nil {
		return at, usageError{fmt.Errorf("--before %w", err)}
	}
	if at.After(now.Add(-taskarchive.MinAge)) {
		return at, usageError{fmt.Errorf("--before must be at least %d days ago: younger tasks may still change", taskarchive.MinAge/(24*time.Hour))}
	}
	return at, nil
}
