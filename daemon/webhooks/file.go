package webhooks

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"

	"github.com/keyseat/keyseat/internal/safefile"
)

// A File reads an operator's file of endpoints, with their secrets. It reads the file again when the file
// has changed. A File is safe for concurrent use.
type File struct {
	path   string
	policy Policy

	mu   sync.Mutex
	seen fs.FileInfo // of the latest read
	all  []Endpoint  // the endpoints of the latest read that succeeded
	err  error       // the error of the latest read, or nil
}

// Open reads a file of endpoints in the format of [Parse].
func Open(path string, p Policy) (*File, error) {
	f := &File{path: path, policy: p}
	_, err := f.Endpoints()
	return f, err
}

// Endpoints returns the endpoints of the current file. If the file is invalid, it returns the endpoints of
// the latest valid file. It returns the error only once while the error stays the same.
func (f *File) Endpoints() ([]Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	if err == nil && safefile.Unchanged(f.seen, now) {
		return f.all, nil
	}
	var text []byte
	if err == nil {
		text, now, err = safefile.Read(f.path, math.MaxInt64)
	}
	if err == nil {
		err = safefile.CheckPrivate(f.path, now)
	}
	var all []Endpoint
	if err == nil {
		all, err = Parse(text, f.policy)
	}
	if err == nil {
		f.all = all
	} else if known := (*fs.PathError)(nil); !errors.As(err, &known) { // the text of a PathError contains the path already
		err = fmt.Errorf("%s: %w", f.path, err)
	}
	repeated := f.err != nil && err != nil && f.err.Error() == err.Error()
	f.seen, f.err = now, err
	if repeated {
		return f.all, nil
	}
	return f.all, err
}
