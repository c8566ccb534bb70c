package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/internal/safefile"
	taskarchive "github.com/keyseat/keyseat/tasks/archive"
)

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
