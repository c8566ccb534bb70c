package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/keyseat/keyseat/internal/secretfile"
)

// seen is what a file looked like when it was read, and what came of reading it.
type seen struct {
	fs.FileInfo
	err error
}

func (s *seen) unchanged(now fs.FileInfo) bool {
	return s != nil && os.SameFile(s.FileInfo, now) && s.Mode() == now.Mode() &&
		s.Size() == now.Size() && s.ModTime().Equal(now.ModTime())
}

// refresh reads the file if it has changed since it was read last. A fault that it still has is told
// again without reading it.
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

// reread is for one goroutine at a time; those that have waited find the file read.
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

// load reads the file and how it looks, of the very file that was read.
func load(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return text, info, err
}

// inspect parses what was loaded from a file that is fit to hold secrets.
func inspect(text []byte, path string, info fs.FileInfo) ([]line, error) {
	if err := secretfile.Check(path, info); err != nil {
		return nil, err
	}
	return parse(text)
}

// fault names the file. Its path is in the errors of package os already.
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
