package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/tasks/archive"
)

// archiveFiles are the two CSV files of a run. They are created at the first write.
type archiveFiles struct {
	folder string
	files  []*os.File
	csv    *csvfile.Archive
}

// write appends rows to the files. When it returns nil, the rows are on disk.
func (a *archiveFiles) write(p archive.Rows) error {
	if len(p.Tasks)+len(p.Lines) == 0 {
		return nil
	}
	if a.csv == nil {
		if err := a.create(time.Now().UTC().Format("20060102T150405Z")); err != nil {
			return err
		}
	}
	if err := a.csv.Write(p); err != nil {
		return err
	}
	return errors.Join(a.files[0].Sync(), a.files[1].Sync())
}

// create creates the folder and both files. It fails if a file exists. When it returns nil, the names of
// the files are on disk too.
func (a *archiveFiles) create(run string) error {
	if err := os.Mkdir(a.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{"tasks-", "history-"} {
		f, err := os.OpenFile(filepath.Join(a.folder, name+run+".csv"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		a.files = append(a.files, f)
	}
	if err := errors.Join(syncFolder(a.folder), syncFolder(filepath.Dir(a.folder))); err != nil {
		return err
	}
	var err error
	a.csv, err = csvfile.NewArchive(a.files[0], a.files[1])
	return err
}

// syncFolder syncs a folder to disk. On Windows it does nothing, because Windows cannot sync a folder.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// close closes the files. Their content is already on disk.
func (a *archiveFiles) close() (err error) {
	for _, f := range a.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
