package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/safefile"
)

// readFile reads and parses a file that other users can neither read nor write. The state of the file is nil if its
// text could not be read.
func readFile(path string) ([]line, fs.FileInfo, error) {
	text, info, err := safefile.Read(path, maxFile+1)
	if err != nil {
		return nil, nil, err
	}
	if err := safefile.CheckPrivate(path, info); err != nil {
		return nil, info, err
	}
	lines, err := parse(text)
	return lines, info, err
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
		if err == nil && l.key != nil && slices.ContainsFunc(lines, func(other line) bool { return other.key != nil && other.key.id == l.key.id }) {
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

func keysOf(lines []line) []key {
	var keys []key
	for _, l := range lines {
		if l.key != nil {
			keys = append(keys, *l.key)
		}
	}
	return keys
}

// generateKey makes a new key. It returns the key's id in hexadecimal and the key's line in a file.
func generateKey(now time.Time) (id string, l line) {
	var master [KeySize]byte
	_, _ = rand.Read(master[:]) // Read never returns an error; it ends the program instead
	k := newKey(master)
	k.created = now.UTC().Truncate(time.Second)
	id = k.hexID()
	return id, line{id + " " + base64.StdEncoding.EncodeToString(master[:]) + " " + k.created.Format(time.RFC3339), &k}
}
