package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/keyseat/keyseat/internal/safefile"
)

// Create makes a file with one new key, readable by its owner only, and returns the key's id. If the file exists,
// the error is [fs.ErrExist] and the file stays as it is.
func Create(path string) (id string, err error) { return edit{path: path, create: true}.add() }

// Add inserts a new key as the first one of the file, and returns the key's id. If there is no file, Add creates it.
func Add(path string) (id string, err error) { return edit{path: path}.add() }

// AddFor inserts a key as [Add] does. If root creates the file, the file gets the owner and group that the argument
// like describes, so that a daemon of another user can read it.
func AddFor(path string, like fs.FileInfo) (id string, err error) {
	return edit{path: path, like: like}.add()
}

func (e edit) add() (id string, err error) {
	err = e.do(func(old []line) (all []line, err error) {
		if e.create && old != nil {
			return nil, fs.ErrExist
		}
		id, all = insertKey(old, time.Now())
		return all, nil
	})
	return id, err
}

func insertKey(old []line, now time.Time) (id string, all []line) {
	id, first := generateKey(now)
	at := max(0, slices.IndexFunc(old, func(l line) bool { return l.key != nil }))
	return id, slices.Insert(old, at, first)
}

// An edit rewrites a file. The comments in the file stay.
type edit struct {
	path    string
	create  bool        // the file must not exist
	like    fs.FileInfo // a new file gets the owner of this file; nil: the owner of this process
	destroy bool        // overwrite the content of the old file
}

// errUnchanged is the result of a change that leaves the file as it is.
var errUnchanged = errors.New("nothing to change")

// lockWait is the time limit for waiting for another edit. An edit takes milliseconds.
const lockWait = 5 * time.Second

// do rewrites the file atomically: after a crash there is the old file or the new one. The function change gets the old
// lines, or nil if there is no file. It returns the new lines.
//
// Edits run one after the other, because the temporary file is locked until it has the name of the file. Otherwise two
// simultaneous edits could lose a key that has encrypted something. A process that dies leaves no lock.
func (e edit) do(change func(old []line) ([]line, error)) error {
	if target, err := filepath.EvalSymlinks(e.path); err == nil {
		e.path = target // replace the target of a link, not the link
	}
	temp, unlock, err := safefile.OpenTemp(e.path+".new", lockWait)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("key ring %s is being changed; if no other command runs, remove %s.new", e.path, e.path)
	}
	if err != nil {
		return wrapErr(e.path, err)
	}
	defer unlock()
	var replaced *os.File
	err = safefile.Write(temp, e.path, func(f *os.File) (err error) {
		if e.destroy {
			if replaced, err = safefile.OpenReplaced(e.path); err != nil {
				return err
			}
		}
		return e.fill(f, change)
	}, os.Rename)
	if replaced != nil {
		if err == nil {
			err = safefile.Overwrite(replaced)
		}
		err = errors.Join(err, replaced.Close())
	}
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return wrapErr(e.path, err)
}

// fill writes the changed lines to the new file f.
func (e edit) fill(f *os.File, change func(old []line) ([]line, error)) error {
	old, info, err := readFile(e.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines, err := change(old)
	if err != nil {
		return err
	}
	switch { // the new file gets the owner and the mode of the old one
	case info != nil:
		err = errors.Join(safefile.ChownLike(f, info), f.Chmod(info.Mode().Perm()))
	case e.like != nil:
		err = safefile.ChownLike(f, e.like)
	}
	if err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := f.WriteString(l.text + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// Rest is the minimum time that a key stays in the file after another key has become the first one. [Rotate] may
// destroy the key only after that time. The reasons are that a daemon may be about to store an envelope that it
// encrypted with the key, and that the clocks of machines differ.
const Rest = 10 * time.Minute

// A Rotation is one step in the rotation of a file.
type Rotation struct {
	Now time.Time

	// Period is the age from which the first key needs a successor. A key of unknown age always needs one. If Period is
	// 0, Rotate adds no key.
	Period time.Duration

	// InUse returns the reason to keep the key with that id, such as an open task, or a daemon with a copy of the file.
	// It returns "" if there is no reason.
	InUse func(id string) string
}

// A Rotated is the result of [Rotate].
type Rotated struct {
	Added     string   // the id of the new first key; "": none
	Destroyed []string // ids
	Kept      []Kept   // the keys after the first one that were not destroyed
}

// A Kept is a key that [Rotate] kept, and the reason.
type Kept struct{ ID, Reason string }

// A KeyInfo describes a key of a file, without its secret bytes.
type KeyInfo struct {
	ID      string
	Created time.Time // zero: unknown
}

// Rotate destroys the keys of a file that are not the first one, have rested for [Rest] and are not in use. Then it
// adds a key if the first key needs a successor. When it destroys a key, it overwrites the content of the old file. Any
// number of processes may rotate a file simultaneously.
func Rotate(path string, r Rotation) (done Rotated, err error) {
	err = edit{path: path, destroy: true}.do(func(old []line) ([]line, error) {
		all := infos(keysOf(old))
		if len(all) == 0 {
			return nil, fs.ErrNotExist
		}
		done = r.decide(all)
		lines := slices.DeleteFunc(old, func(l line) bool { return l.key != nil && slices.Contains(done.Destroyed, l.key.hexID()) })
		switch {
		case r.IsDue(all[0]):
			done.Added, lines = insertKey(lines, r.Now)
		case len(done.Destroyed) == 0:
			return nil, errUnchanged
		}
		return lines, nil
	})
	if err != nil {
		return Rotated{}, err
	}
	return done, nil
}

func (r Rotation) decide(all []KeyInfo) (done Rotated) {
	for i, k := range all[1:] {
		reason := r.restReason(all[:i+1])
		if reason == "" {
			reason = r.InUse(k.ID)
		}
		if reason == "" {
			done.Destroyed = append(done.Destroyed, k.ID)
		} else {
			done.Kept = append(done.Kept, Kept{k.ID, reason})
		}
	}
	return done
}

// IsDue reports whether the first key needs a successor. If the creation time of the key is more than [Rest] in the
// future, the age of the key counts as unknown. A smaller difference is normal, because clocks differ.
func (r Rotation) IsDue(first KeyInfo) bool {
	age := r.Now.Sub(first.Created)
	return r.Period > 0 && (first.Created.IsZero() || age >= r.Period || age < -Rest)
}

// HasRested reports whether at least one key after the first one has rested for [Rest], so that Rotate may destroy it.
func (r Rotation) HasRested(all []KeyInfo) bool {
	for i := range all {
		if i > 0 && r.restReason(all[:i]) == "" {
			return true
		}
	}
	return false
}

// restReason returns the reason why a key has not rested for [Rest], or "". The argument later has the keys that were
// added after this key. The rest began at the earliest known creation time among the keys in later.
func (r Rotation) restReason(later []KeyInfo) string {
	var since time.Time
	for _, k := range later {
		if !k.Created.IsZero() && (since.IsZero() || k.Created.Before(since)) {
			since = k.Created
		}
	}
	switch {
	case since.IsZero():
		return "the file does not show since when another key is the first: add a key, and prune 10 minutes later"
	case r.Now.Sub(since) < Rest:
		return "a daemon may still encrypt with it until " + since.Add(Rest).UTC().Format(time.RFC3339)
	}
	return ""
}

func infos(keys []key) []KeyInfo {
	var all []KeyInfo
	for _, k := range keys {
		all = append(all, KeyInfo{k.hexID(), k.created})
	}
	return all
}
