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

// A store keeps all data in maps behind a mutex. It also saves the data in a file, which the next start reads.
type store struct {
	file
	mu sync.Mutex
	state
}

type state struct {
	Keys    map[keys.Code]keys.Key
	Tasks   map[string]tasks.Task
	Plans   []stock.Plan // in the order of import
	History map[keys.Code][]tasks.Event
	Applied map[string]bool // the changes that were made, as "CODE ID": a repeated change is not made again
	Batches map[string][]keys.Code
}

func newState() state {
	return state{map[keys.Code]keys.Key{}, map[string]tasks.Task{}, nil, map[keys.Code][]tasks.Event{}, map[string]bool{}, map[string][]keys.Code{}}
}

// do calls act while it holds the mutex. If act returns no error, do saves the state.
func do[T any](ctx context.Context, s *store, act func() (T, error)) (found T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = ctx.Err(); err == nil {
		found, err = act()
	}
	if err == nil {
		err = s.save(&s.state)
	}
	return found, err
}

func (s *store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	return do(ctx, s, func() ([]tasks.Snapshot, error) { return mapSlice(codes, s.keySnapshot), nil })
}

func (s *store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	return do(ctx, s, func() ([]keys.Key, error) { return mapSlice(codes, s.key), nil })
}

func (s *store) Stock(ctx context.Context) ([]stock.Level, error) {
	return do(ctx, s, func() ([]stock.Level, error) { return stock.Levels(now(), s.state.Plans), nil })
}

func (s *store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	return do(ctx, s, func() ([]error, error) { return mapSlice(changes, s.apply), nil })
}

// apply makes one change as a whole or not at all, because every check comes before the first write. Like every store,
// it counts the slots with a [stock.Allocator].
func (s *state) apply(c tasks.Change) error {
	id := string(c.Code()) + " " + c.ID
	if s.Applied[id] {
		return nil
	}
	if c.Decide != nil {
		var err error
		if c, err = c.Decide(s.keySnapshot(c.Code())); err != nil {
			return err
		}
	}
	if err := s.check(c); err != nil {
		return err
	}
	allocator := stock.NewAllocator(now(), s.Plans)
	plan, err := allocator.Apply(c.Transfer, c.Claim)
	if err != nil {
		return err
	}
	for _, p := range allocator.Changed() {
		s.Plans[p.Seq-1] = p
	}
	if c = c.WithPlan(plan); c.Key != nil {
		key := *c.Key
		key.Version++
		s.Keys[key.Code] = key
	}
	if c.Task != nil {
		task := *c.Task
		task.Version++
		task.LeasedUntil = time.Time{}
		task.Faulty, task.Sealed = slices.Clone(task.Faulty), slices.Clone(task.Sealed)
		s.Tasks[task.ID] = task
	}
	s.History[c.Code()] = append(s.History[c.Code()], c.Events...)
	s.Applied[id] = true
	return nil
}

// check returns the error that prevents a change, or nil.
func (s *state) check(c tasks.Change) error {
	if t := c.Task; t != nil {
		stored, latest := s.Tasks[t.ID], s.Tasks[s.Keys[t.Code].Task]
		switch {
		case t.Version == 0 && latest.ID != "" && latest.Open():
			return tasks.ErrConflict
		case t.Version > 0 && (stored.Fence != t.Fence || stored.Version != t.Version && !stored.Open()):
			return tasks.ErrFenced
		case stored.Version != t.Version:
			return tasks.ErrConflict
		}
	}
	if key := s.Keys[c.Code()]; !key.Exists() || c.Key != nil && key.Version != c.Key.Version {
		return tasks.ErrConflict
	}
	return nil
}

func (s *store) Lease(ctx context.Context, _ string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return do(ctx, s, func() ([]tasks.Snapshot, error) {
		due := s.due(ttl)
		return mapSlice(due[:min(n, len(due))], func(t tasks.Task) tasks.Snapshot {
			if !t.LeasedUntil.IsZero() {
				t.LostLeases++
			}
			t.Fence, t.LeasedUntil = t.Fence+1, now().Add(ttl)
			s.state.Tasks[t.ID] = t
			return s.taskSnapshot(t.ID)
		}), nil
	})
}

// due returns the open tasks that can be leased, the longest due first.
func (s *state) due(ttl time.Duration) (due []tasks.Task) {
	latest := now().Add(2 * ttl) // a later time in a task was written before the clock was set back
	for _, t := range s.Tasks {
		var decided time.Time // the time of the task's last event
		for _, e := range s.History[t.Code] {
			if e.Task == t.ID {
				decided = e.At
			}
		}
		if t.Open() && (!t.LeasableAt().After(now()) || t.LeasedUntil.After(latest) || t.LeasedUntil.IsZero() && decided.After(latest)) {
			due = append(due, t)
		}
	}
	return slices.SortedFunc(slices.Values(due), func(x, y tasks.Task) int { return x.LeasableAt().Compare(y.LeasableAt()) })
}

func (s *store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	return do(ctx, s, func() ([]error, error) {
		return mapSlice(refs, func(ref tasks.Ref) error {
			t := s.state.Tasks[ref.ID]
			if t.Ref() != ref || !t.Open() || t.LeasedUntil.IsZero() {
				return tasks.ErrFenced
			}
			t.LeasedUntil = time.Time{}
			if ttl > 0 {
				t.LeasedUntil = now().Add(ttl)
			}
			s.state.Tasks[t.ID] = t
			return nil
		}), nil
	})
}

func now() time.Time { return time.Now().UTC() }

func (s *state) key(code keys.Code) keys.Key { return s.Keys[code] }

// keySnapshot returns the snapshot of a key and its latest task. taskSnapshot returns the snapshot of the task with
// that id and its key.
func (s *state) keySnapshot(code keys.Code) tasks.Snapshot {
	return s.snapshot(code, s.Keys[code].Task)
}

func (s *state) taskSnapshot(id string) tasks.Snapshot { return s.snapshot(s.Tasks[id].Code, id) }

func (s *state) snapshot(code keys.Code, id string) tasks.Snapshot {
	v := tasks.Snapshot{At: now(), Key: s.Keys[code]}
	if t, found := s.Tasks[id]; found {
		t.Faulty, t.Sealed = slices.Clone(t.Faulty), slices.Clone(t.Sealed) // so that callers cannot change the store
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

// A file has the state as JSON. Each change of the state replaces the file.
type file struct {
	path string
	sync func(*os.File) error // flushes a file to the disk
	text []byte               // the file's content
}

// open reads the file. If the file does not exist, the store is empty.
func open(path string) (*store, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("{}"), nil
	}
	s := &store{file: file{path: path, sync: (*os.File).Sync, text: text}, state: newState()}
	return s, errors.Join(err, json.Unmarshal(text, &s.state))
}

// save replaces the file. If that fails, save restores the state that the old file has.
func (f *file) save(s *state) error {
	text, err := json.Marshal(s)
	if err == nil && !bytes.Equal(text, f.text) {
		err = f.replace(text)
	}
	if err != nil {
		*s = newState()
		return errors.Join(err, json.Unmarshal(f.text, s))
	}
	f.text = text
	return nil
}

// replace writes a new file to the disk, and then renames it over the old one. It returns after the rename is
// on the disk too.
func (f *file) replace(text []byte) error {
	file, err := os.OpenFile(f.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, f.sync(file), file.Close()); err == nil {
		err = os.Rename(file.Name(), f.path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(f.sync(folder), folder.Close())
}
