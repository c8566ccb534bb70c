package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A store keeps all data in a JSON file that each write replaces.
type store struct {
	path string
	sync func(*os.File) error // flushes a file to the disk
	mu   sync.Mutex
	text []byte // the file's content
}

// A state is the parsed file.
type state struct {
	Keys    map[keys.Code]keys.Key
	Tasks   map[string]tasks.Task
	Plans   []stock.Plan // in the order of import
	History map[keys.Code][]tasks.Event
	Applied map[string]bool // applied changes, by code and id: the store makes a repeated change only once
	Batches map[string][]keys.Code
}

// open reads the file. If the file does not exist, the store is empty.
func open(path string) (*store, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("{}"), nil
	}
	return &store{path: path, sync: (*os.File).Sync, text: text}, err
}

// do runs one call of the store. It parses a new state from the text, runs act on it, and saves the state
// unless act failed. So every call takes effect as a whole or not at all, and calls share no memory.
func do[T any](ctx context.Context, s *store, act func(*state) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none T
	st := state{map[keys.Code]keys.Key{}, map[string]tasks.Task{}, nil, map[keys.Code][]tasks.Event{}, map[string]bool{}, map[string][]keys.Code{}}
	if err := errors.Join(ctx.Err(), json.Unmarshal(s.text, &st)); err != nil {
		return none, err
	}
	found, err := act(&st)
	if err != nil {
		return none, err
	}
	return found, s.save(st)
}

// save writes a new file to the disk, and then renames it over the old one. It returns after the rename is
// on the disk too.
func (s *store) save(st state) error {
	text, err := json.Marshal(st)
	if err != nil || bytes.Equal(text, s.text) {
		return err
	}
	file, err := os.OpenFile(s.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, s.sync(file), file.Close()); err == nil {
		err = os.Rename(file.Name(), s.path)
	}
	if err != nil {
		return err
	}
	s.text = text
	folder, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	return errors.Join(s.sync(folder), folder.Close())
}

func now() time.Time { return time.Now().UTC() }

// keySnapshot returns the snapshot of a key and its latest task. taskSnapshot returns that of one task and its key.
func (st *state) keySnapshot(code keys.Code) tasks.Snapshot {
	return st.snapshot(code, st.Keys[code].Task)
}

func (st *state) taskSnapshot(id string) tasks.Snapshot { return st.snapshot(st.Tasks[id].Code, id) }

func (st *state) snapshot(code keys.Code, id string) tasks.Snapshot {
	v := tasks.Snapshot{At: now(), Key: st.Keys[code]}
	if t, found := st.Tasks[id]; found {
		v.Task = &t
	}
	return v
}

// mapSlice returns the results of f, in order.
func mapSlice[A, B any](all []A, f func(A) B) []B {
	results := make([]B, len(all))
	for i, a := range all {
		results[i] = f(a)
	}
	return results
}
