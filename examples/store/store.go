package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

var _ tasks.Store = (*store)(nil)

func (s *store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	return do(ctx, s, func(st *state) ([]tasks.Snapshot, error) { return mapSlice(codes, st.keySnapshot), nil })
}

func (s *store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	return do(ctx, s, func(st *state) ([]keys.Key, error) {
		return mapSlice(codes, func(code keys.Code) keys.Key { return st.Keys[code] }), nil
	})
}

func (s *store) Stock(ctx context.Context) ([]stock.Level, error) {
	return do(ctx, s, func(st *state) ([]stock.Level, error) { return stock.Levels(now(), st.Plans), nil })
}

func (s *store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	return do(ctx, s, func(st *state) ([]error, error) { return mapSlice(changes, st.apply), nil })
}

// apply makes one change as a whole or not at all, because every check comes before the first write. A
// stock.Allocator counts the slots, as in every store.
func (st *state) apply(c tasks.Change) error {
	id := string(c.Code()) + " " + c.ID
	if st.Applied[id] {
		return nil
	}
	if err := st.check(c); err != nil {
		return err
	}
	allocator := stock.NewAllocator(now(), st.Plans)
	plan, err := allocator.Apply(c.Transfer, c.Claim)
	if err != nil {
		return err
	}
	for _, p := range allocator.Changed() {
		st.Plans[p.Seq-1] = p
	}
	st.commit(c.WithPlan(plan))
	st.Applied[id] = true
	return nil
}

// check returns the error that prevents a change, or nil.
func (st *state) check(c tasks.Change) error {
	if t := c.Task; t != nil {
		stored, latest := st.Tasks[t.ID], st.Tasks[st.Keys[t.Code].Task]
		switch {
		case t.Version == 0 && latest.ID != "" && latest.Open():
			return tasks.ErrConflict
		case t.Version > 0 && (stored.Fence != t.Fence || stored.Version != t.Version && !stored.Open()):
			return tasks.ErrFenced
		case stored.Version != t.Version:
			return tasks.ErrConflict
		}
	}
	key := st.Keys[c.Code()]
	if !key.Exists() || c.Key != nil && key.Version != c.Key.Version {
		return tasks.ErrConflict
	}
	return nil
}

func (st *state) commit(c tasks.Change) {
	if c.Key != nil {
		key := *c.Key
		key.Version++
		st.Keys[key.Code] = key
	}
	if c.Task != nil {
		task := *c.Task
		task.Version++
		task.LeasedUntil = time.Time{}
		st.Tasks[task.ID] = task
	}
	st.History[c.Code()] = append(st.History[c.Code()], c.Events...)
}

func (s *store) Lease(ctx context.Context, _ string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return do(ctx, s, func(st *state) (snapshots []tasks.Snapshot, _ error) {
		due := st.due(ttl)
		for _, t := range due[:min(n, len(due))] {
			if !t.LeasedUntil.IsZero() {
				t.LostLeases++
			}
			t.Fence, t.LeasedUntil = t.Fence+1, now().Add(ttl)
			st.Tasks[t.ID] = t
			snapshots = append(snapshots, st.taskSnapshot(t.ID))
		}
		return snapshots, nil
	})
}

// due returns the open tasks that can be leased, the longest due first.
func (st *state) due(ttl time.Duration) (due []tasks.Task) {
	latest := now().Add(2 * ttl) // a later time comes from a clock that was since set back
	for _, t := range st.Tasks {
		if t.Open() && (!t.LeasableAt().After(now()) || t.LeasedUntil.After(latest) || t.LeasedUntil.IsZero() && st.lastDecided(t).After(latest)) {
			due = append(due, t)
		}
	}
	return slices.SortedFunc(slices.Values(due), func(x, y tasks.Task) int { return x.LeasableAt().Compare(y.LeasableAt()) })
}

// lastDecided returns the time of the task's last event.
func (st *state) lastDecided(t tasks.Task) (at time.Time) {
	for _, e := range st.History[t.Code] {
		if e.Task == t.ID {
			at = e.At
		}
	}
	return at
}

func (s *store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	return do(ctx, s, func(st *state) ([]error, error) {
		return mapSlice(refs, func(r tasks.Ref) error { return st.extend(r, ttl) }), nil
	})
}

func (st *state) extend(ref tasks.Ref, ttl time.Duration) error {
	t := st.Tasks[ref.ID]
	if t.Ref() != ref || !t.Open() || t.LeasedUntil.IsZero() {
		return tasks.ErrFenced
	}
	t.LeasedUntil = time.Time{}
	if ttl > 0 {
		t.LeasedUntil = now().Add(ttl)
	}
	st.Tasks[t.ID] = t
	return nil
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
