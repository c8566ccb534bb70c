package keyring

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/safefile"
)

// fileState is the state of a file when it was read last, and the error of that read.
type fileState struct {
	fs.FileInfo
	err error
}

func (s *fileState) unchanged(now fs.FileInfo) bool {
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
		return wrapErr(r.path, err)
	}
	if last := r.lastRead.Load(); last.unchanged(now) {
		return last.err
	}
	return r.reload()
}

// reload reads the file, one goroutine at a time. A goroutine that waited for another one's read uses that read's
// result.
func (r *Ring) reload() error {
	r.readLock.Lock()
	defer r.readLock.Unlock()
	lines, info, err := r.read()
	if info == nil {
		return wrapErr(r.path, err)
	}
	if last := r.lastRead.Load(); last.unchanged(info) {
		return last.err
	}
	if err == nil {
		keys := keysOf(lines)
		r.keys.Store(&keys)
	}
	err = wrapErr(r.path, err)
	r.lastRead.Store(&fileState{info, err})
	return err
}

// read reads and parses the file. If the file was replaced and overwritten during the read, read reads the new file.
// info is nil if there is no file to read.
func (r *Ring) read() (lines []line, info fs.FileInfo, err error) {
	for range 3 {
		var text []byte
		if text, info, err = safefile.Read(r.path, maxFile+1); err != nil {
			return nil, nil, err
		}
		if lines, err = parseChecked(text, r.path, info); err == nil {
			break
		}
		if now, gone := os.Stat(r.path); gone != nil || os.SameFile(info, now) {
			break
		}
	}
	return lines, info, err
}

// parseChecked parses the text of a file, and returns an error if other users can read or write the file.
func parseChecked(text []byte, path string, info fs.FileInfo) ([]line, error) {
	if err := safefile.CheckPrivate(path, info); err != nil {
		return nil, err
	}
	return parse(text)
}

// wrapErr adds "key ring" and the path of the file to an error. It omits the path if an error of package os has it
// already.
func wrapErr(path string, err error) error {
	var known *fs.PathError
	switch {
	case err == nil:
		return nil
	case path == "" || errors.As(err, &known):
		return fmt.Errorf("key ring: %w", err)
	}
	return fmt.Errorf("key ring %s: %w", path, err)
}

// A line of a key ring file.
type line struct {
	text string
	key  *key // nil for a comment or an empty line
}

// The errors of a line and of a file. None quotes the text.
var (
	errLine      = errors.New("it is not a key's id, a space and 32 bytes in base64")
	errTime      = errors.New("the third field is not the time at which the key was made")
	errID        = errors.New("the id is not that of the key: one of them was changed")
	errDuplicate = errors.New("the key is in the file twice")
	errNoKey     = errors.New("there is no key in it")
	errTooBig    = errors.New("it is too large for a key ring")
)

// maxFile is the maximum size of a file, in bytes: enough for a thousand keys.
const maxFile = 64 << 10

// parse parses the text of a file. An error holds the number of the line but nothing of its text.
func parse(text []byte) ([]line, error) {
	if len(text) > maxFile {
		return nil, errTooBig
	}
	var lines []line
	for n, s := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		l, err := parseLine(s)
		if err == nil && l.key != nil && slices.ContainsFunc(lines, l.same) {
			err = errDuplicate
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		lines = append(lines, l)
	}
	if len(keysOf(lines)) == 0 {
		return nil, errNoKey
	}
	return lines, nil
}

func parseLine(text string) (line, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return line{text: text}, nil
	}
	if len(fields) != 2 && len(fields) != 3 {
		return line{}, errLine
	}
	master, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil || len(master) != KeySize {
		return line{}, errLine
	}
	k := newKey([KeySize]byte(master))
	if !strings.EqualFold(fields[0], k.hexID()) {
		return line{}, errID
	}
	if len(fields) == 3 {
		if k.created, err = time.Parse(time.RFC3339, fields[2]); err != nil {
			return line{}, errTime
		}
	}
	return line{text, &k}, nil
}

// same reports whether the other line has the same key.
func (l line) same(other line) bool { return other.key != nil && other.key.id == l.key.id }

func keysOf(lines []line) []key {
	var keys []key
	for _, l := range lines {
		if l.key != nil {
			keys = append(keys, *l.key)
		}
	}
	return keys
}
