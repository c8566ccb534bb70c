// Package archive moves finished tasks and their history out of a store, into CSV files, while daemons serve.
//
//	Records ─▶ Decide ─▶ Healthy ─▶ up to 500 plans ─▶ Archive ─▶ keep: append to the files, sync ─▶ remove
//	             │          │                             └ skips a key that has changed
//	             │          └ skips a key that is not healthy
//	             └ ignores a key that has nothing to archive
//
// Rows are on disk before they leave the store. If a run is interrupted, its last rows may be both in the files and in the
// store. The next run then writes these rows again.
package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/internal/safefile"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	taskarchive "github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/audit"
)

// A Store is a store whose rows can be archived.
type Store interface {
	audit.Inspector
	taskarchive.Archiver
}

// A Run archives all keys without a change since Before. All fields but Progress are required.
type Run struct {
	Store    Store
	Before   time.Time
	Folder   string                  // the folder of the files; created if it does not exist
	NewID    func() string           // returns a new id for a write
	Healthy  func(audit.Record) bool // reports whether a key has no findings; other keys are skipped, because their repair needs the history
	Progress func(keys int)          // receives the number of keys that were read since its last call; nil: not called

	files  files
	result Result
}

// A Result counts what a run has archived.
type Result struct {
	Keys, Tasks, Events int
	Skipped             int // keys that were not healthy, have changed, or have a queued delivery
}

// String returns the result as a sentence for the operator.
func (r Result) String() string {
	s := fmt.Sprintf("archived %d tasks and %d history entries of %d keys", r.Tasks, r.Events, r.Keys)
	if r.Skipped > 0 {
		s += fmt.Sprintf("; %d keys were skipped, because they have changed, have a queued delivery or have a finding of the doctor", r.Skipped)
	}
	return s
}

const pageSize = 500 // the number of keys per read, and the maximum number of keys per write

// Do archives the keys. After an error, the result counts the rows that were archived before it.
func (r *Run) Do(ctx context.Context) (Result, error) {
	r.result, r.files = Result{}, files{folder: r.Folder}
	err := r.archive(ctx)
	return r.result, errors.Join(err, r.files.close())
}

func (r *Run) archive(ctx context.Context) error {
	read := func(after keys.Code, n int) ([]audit.Record, error) { return r.Store.Records(ctx, after, n) }
	var plans []taskarchive.Plan
	for record, err := range seq.Pages("", pageSize, read, func(record audit.Record) keys.Code { return record.Code }) {
		if err != nil {
			return err
		}
		switch plan, found := taskarchive.Decide(record, r.Before, r.NewID()); {
		case !found:
		case !r.Healthy(record):
			r.result.Skipped++
		default:
			plans = append(plans, plan)
		}
		if len(plans) == pageSize {
			if err := r.apply(ctx, plans); err != nil {
				return err
			}
			plans = nil
		}
		if r.Progress != nil {
			r.Progress(1)
		}
	}
	return r.apply(ctx, plans)
}

// apply applies the archive plans and counts the archived rows. A plan that the store rejects counts as skipped.
func (r *Run) apply(ctx context.Context, plans []taskarchive.Plan) error {
	if len(plans) == 0 {
		return nil
	}
	var kept taskarchive.Rows
	errs, err := r.Store.Archive(ctx, plans, func(rows taskarchive.Rows) error {
		kept = rows
		return r.files.write(rows)
	})
	if err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			r.result.Skipped++
		} else {
			r.result.Keys++
		}
	}
	r.result.Tasks += len(kept.Tasks)
	r.result.Events += len(kept.Lines)
	return nil
}

// files are the two CSV files of a run. They are created at the first write.
type files struct {
	folder string
	open   []*os.File
	csv    *csvfile.Archive
}

// write appends rows to the files. When it returns nil, the rows are on disk.
func (f *files) write(rows taskarchive.Rows) error {
	if len(rows.Tasks)+len(rows.Lines) == 0 {
		return nil
	}
	if f.csv == nil {
		if err := f.create(time.Now().UTC().Format("20060102T150405Z")); err != nil {
			return err
		}
	}
	if err := f.csv.Write(rows); err != nil {
		return err
	}
	return errors.Join(f.open[0].Sync(), f.open[1].Sync())
}

// create creates the folder and both files. It fails if a file exists. When it returns nil, the names of
// the files are on disk too.
func (f *files) create(run string) error {
	if err := os.Mkdir(f.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{"tasks-", "history-"} {
		file, err := os.OpenFile(filepath.Join(f.folder, name+run+".csv"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		f.open = append(f.open, file)
	}
	if err := errors.Join(safefile.SyncFolder(f.folder), safefile.SyncFolder(filepath.Dir(f.folder))); err != nil {
		return err
	}
	var err error
	f.csv, err = csvfile.NewArchive(f.open[0], f.open[1])
	return err
}

// close closes the files. Their content is already on disk.
func (f *files) close() (err error) {
	for _, file := range f.open {
		err = errors.Join(err, file.Close())
	}
	return err
}
