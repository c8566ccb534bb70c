package webhooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/keyseat/keyseat/internal/secretfile"
)

// A File is where an operator keeps the endpoints, with their secrets. It is read again when it has
// changed.
type File struct {
	path   string
	policy Policy

	mu   sync.Mutex
	seen fs.FileInfo // as it was read last
	all  []Endpoint  // that it held when it was last in order
	err  error       // what is wrong with it now
}

// Open reads a file of endpoints, as [Parse] takes them.
func Open(path string, p Policy) (*File, error) {
	f := &File{path: path, policy: p}
	_, err := f.Endpoints()
	return f, err
}

// Endpoints are those of the file as it is now. With an error, which is told once for each change of the
// file, they are those of when it was last in order.
func (f *File) Endpoints() ([]Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	if err == nil && f.unchanged(now) {
		return f.all, nil
	}
	if err == nil {
		err = secretfile.Check(f.path, now)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(f.path)
	}
	var all []Endpoint
	if err == nil {
		all, err = Parse(text, f.policy)
	}
	if err == nil {
		f.all = all
	} else if known := (*fs.PathError)(nil); !errors.As(err, &known) { // whose text has the path
		err = fmt.Errorf("%s: %w", f.path, err)
	}
	told := f.err != nil && err != nil && f.err.Error() == err.Error()
	f.seen, f.err = now, err
	if told {
		return f.all, nil
	}
	return f.all, err
}

func (f *File) unchanged(now fs.FileInfo) bool {
	return f.seen != nil && os.SameFile(f.seen, now) && f.seen.Mode() == now.Mode() &&
		f.seen.Size() == now.Size() && f.seen.ModTime().Equal(now.ModTime())
}
