package main

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

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
	if c.Key != nil && st.Keys[c.Key.Code].Version != c.Key.Version {
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
		if t.Open() && (!leasableAt(t).After(now()) || t.LeasedUntil.After(latest) || t.LeasedUntil.IsZero() && st.lastDecided(t).After(latest)) {
			due = append(due, t)
		}
	}
	return slices.SortedFunc(slices.Values(due), func(x, y tasks.Task) int { return leasableAt(x).Compare(leasableAt(y)) })
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

// leasableAt returns the time from which a task can be leased.
func leasableAt(t tasks.Task) time.Time {
	if t.LeasedUntil.IsZero() {
		return t.DueAt
	}
	return t.LeasedUntil
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
