package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/keyseat/keyseat/internal/secretfile"
)

// seen is the state of a file when it was read last, and the error of that read.
type seen struct {
	fs.FileInfo
	err error
}

func (s *seen) unchanged(now fs.FileInfo) bool {
	return s != nil && os.SameFile(s.FileInfo, now) && s.Mode() == now.Mode() &&
		s.Size() == now.Size() && s.ModTime().Equal(now.ModTime())
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
	text, info, err := load(r.path)
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

// load returns the content and the state of a file. Both are of the same file, even if another file replaces it
// during the call.
func load(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // the file was only read
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return text, info, err
}

// inspect parses the text of a file, and returns an error if other users can read or write the file.
func inspect(text []byte, path string, info fs.FileInfo) ([]line, error) {
	if err := secretfile.Check(path, info); err != nil {
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
