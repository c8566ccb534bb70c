package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/keyseat/keyseat/internal/safefile"
)

// seen is the state of a file when it was read last, and the error of that read.
type seen struct {
	fs.FileInfo
	err error
}

func (s *seen) unchanged(now fs.FileInfo) bool {
	return s != nil && safefile.Unchanged(s.FileInfo, now)
}

// refresh reads the file if it has changed since the last read. If it has not, refresh returns the error of the
// last read.
func (r *Ring) refresh() error {
	if r.path == "" {
		return nil
	}
	now, err := os.Stat(r.path)
	if err != nil {
		return fault(r.path, err)
	}
	if last := r.seen.Load(); last.unchanged(now) {
		return last.err
	}
	return r.reread()
}

// reread reads the file, one goroutine at a time. A goroutine that waited for another one's read uses that read's
// result.
func (r *Ring) reread() error {
	r.reading.Lock()
	defer r.reading.Unlock()
	text, info, err := safefile.Read(r.path, maxFile+1)
	if err != nil {
		return fault(r.path, err)
	}
	if last := r.seen.Load(); last.unchanged(info) {
		return last.err
	}
	lines, err := inspect(text, r.path, info)
	if err == nil {
		keys := keysOf(lines)
		r.keys.Store(&keys)
	}
	err = fault(r.path, err)
	r.seen.Store(&seen{info, err})
	return err
}

// inspect parses the text of a file, and returns an error if other users can read or write the file.
func inspect(text []byte, path string, info fs.FileInfo) ([]line, error) {
	if err := safefile.CheckPrivate(path, info); err != nil {
		return nil, err
	}
	return parse(text)
}

// fault adds "key ring" and the path of the file to an error. It omits the path if an error of package os has it
// already.
func fault(path string, err error) error {
	var known *fs.PathError
	switch {
	case err == nil:
		return nil
	case path == "" || errors.As(err, &known):
		return fmt.Errorf("key ring: %w", err)
	}
	return fmt.Errorf("key ring %s: %w", path, err)
}
