package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/audit"
)

// archiveCmd is the command keyseatd archive.
type archiveCmd struct {
	databaseFlag
	Before string `required:"" placeholder:"DATE" help:"Archive the keys to which nothing has happened since: a time, or a date (its first moment in UTC); at least a week ago."`
	To     string `required:"" placeholder:"FOLDER" help:"Where the files go; the folder is made where there is none."`
}

// Help explains which rows move, which rows stay, and what the files contain.
func (*archiveCmd) Help() string {
	return examples("It moves ended tasks and history into CSV files of this run, tasks-TIME.csv and history-TIME.csv, a few hundred "+
		"keys at a time, while daemons serve. Keys stay and answer as before, and so do the latest task of each and the "+
		"tasks whose slot is spent, which `keyseatd plans release` can still give back. Left alone are keys that are at "+
		"work, have a suspect slot, stand by a reset, that a webhook is still to be told of, and those in which the doctor finds a fault. "+
		"`keyseatd webhooks replay` tells nothing of what is gone.\n\n"+
		"Rows are on disk before they leave the database. If a run is cut short, the last rows of its files may be there "+
		"again in the next run's, and the very last may be incomplete: a task is named by code and id, a line of history by "+
		"code, change and n. The files hold the codes of keys and the invites of plans, so nobody else may read them (mode 0600); "+
		"a spreadsheet could take their cells for formulas.",
		"keyseatd archive --before 2026-01-01 --to /var/backups/keyseat")
}

// Run archives the keys and prints how many rows it moved.
func (a *archiveCmd) Run(ctx context.Context, c stdio) error {
	before, err := a.before(time.Now())
	if err != nil {
		return err
	}
	return a.open(ctx, func(s *bunstore.Store) error {
		run := &archiveRun{Store: s, before: before, files: archiveFiles{folder: a.To}}
		bar := c.bar("archiving", -1)
		err := run.all(ctx, func(n int) {
			if bar != nil {
				_ = bar.Add(n) // a bar that cannot be drawn does not stop the run
			}
		})
		told := c.done(run.String(), "the files are in "+a.To)
		return errors.Join(err, run.files.close(), told)
	})
}

// before parses --before. The date must be at least [archive.MinAge] ago.
func (a *archiveCmd) before(now time.Time) (time.Time, error) {
	at, err := csvfile.ParseTime(a.Before)
	if err != nil {
		return at, usageError{fmt.Errorf("--before %w", err)}
	}
	if at.After(now.Add(-archive.MinAge)) {
		return at, usageError{fmt.Errorf("--before must be at least %d days ago: younger tasks may still change", archive.MinAge/(24*time.Hour))}
	}
	return at, nil
}

// archivePage is the number of keys per read. It is also the minimum number of keys per archive call; only
// the last call may have fewer.
const archivePage = 500

// archiveRun is a run of the command with its progress.
type archiveRun struct {
	*bunstore.Store
	before time.Time
	files  archiveFiles

	keys, tasks, events, skipped int
}

// String returns the result of the run as a sentence.
func (a *archiveRun) String() string {
	s := fmt.Sprintf("archived %d tasks and %d lines of history of %d keys", a.tasks, a.events, a.keys)
	if a.skipped > 0 {
		s += fmt.Sprintf("; %d keys were left, since they changed, a webhook is to be told of them, or the doctor finds a fault", a.skipped)
	}
	return s
}

// all archives all keys, page by page. It calls passed with the number of keys of each page.
func (a *archiveRun) all(ctx context.Context, passed func(n int)) error {
	var cuts []archive.Plan
	for after := keys.Code(""); ; {
		page, err := a.Records(ctx, after, archivePage)
		if err != nil {
			return err
		}
		if cuts = append(cuts, a.plan(page)...); len(cuts) >= archivePage || len(page) == 0 {
			if err := a.apply(ctx, cuts); err != nil {
				return err
			}
			cuts = nil
		}
		if len(page) == 0 {
			return nil
		}
		passed(len(page))
		after = page[len(page)-1].Code
	}
}

// plan returns the archive plans for a page of keys. It skips a key with a doctor's finding, because the
// repair needs the key's history. A skipped key counts as left.
func (a *archiveRun) plan(page []audit.Record) (cuts []archive.Plan) {
	doc := doctor.Doctor{Stale: staleLease}
	newID := operatorEngine(a.Store).NewID
	for _, r := range page {
		switch cut, found := archive.Decide(r, a.before, newID()); {
		case !found:
		case !doc.Healthy(r):
			a.skipped++
		default:
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// apply applies the archive plans and counts the archived rows. The rows are in the files before they leave
// the database. A plan that the store rejects counts as left.
func (a *archiveRun) apply(ctx context.Context, cuts []archive.Plan) error {
	if len(cuts) == 0 {
		return nil
	}
	var kept archive.Rows
	errs, err := a.Archive(ctx, cuts, func(p archive.Rows) error {
		kept = p
		return a.files.write(p)
	})
	if err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			a.skipped++
		} else {
			a.keys++
		}
	}
	a.tasks, a.events = a.tasks+len(kept.Tasks), a.events+len(kept.Lines)
	return nil
}
