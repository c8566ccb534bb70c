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
	return do(ctx, s, func(h *state) ([]tasks.Snapshot, error) { return each(codes, h.key), nil })
}

func (s *store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	return do(ctx, s, func(h *state) ([]keys.Key, error) {
		return each(codes, func(code keys.Code) keys.Key { return h.Keys[code] }), nil
	})
}

func (s *store) Stock(ctx context.Context) ([]stock.Level, error) {
	return do(ctx, s, func(h *state) ([]stock.Level, error) { return stock.Levels(now(), h.Plans), nil })
}

func (s *store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	return do(ctx, s, func(h *state) ([]error, error) { return each(changes, h.apply), nil })
}

// apply makes one change as a whole or not at all, because every check comes before the first write. A
// stock.Allocator counts the slots, as in every store.
func (h *state) apply(c tasks.Change) error {
	made := string(c.Code()) + " " + c.ID
	if h.Made[made] {
		return nil
	}
	if err := h.refuse(c); err != nil {
		return err
	}
	book := stock.NewAllocator(now(), h.Plans)
	plan, err := book.Apply(c.Transfer, c.Claim)
	if err != nil {
		return err
	}
	for _, p := range book.Changed() {
		h.Plans[p.Seq-1] = p
	}
	h.put(c.WithPlan(plan))
	h.Made[made] = true
	return nil
}

func (h *state) refuse(c tasks.Change) error {
	if t := c.Task; t != nil {
		stored, latest := h.Tasks[t.ID], h.Tasks[h.Keys[t.Code].Task]
		switch {
		case t.Version == 0 && latest.ID != "" && latest.Open():
			return tasks.ErrConflict
		case t.Version > 0 && (stored.Fence != t.Fence || stored.Version != t.Version && !stored.Open()):
			return tasks.ErrFenced
		case stored.Version != t.Version:
			return tasks.ErrConflict
		}
	}
	if c.Key != nil && h.Keys[c.Key.Code].Version != c.Key.Version {
		return tasks.ErrConflict
	}
	return nil
}

func (h *state) put(c tasks.Change) {
	if c.Key != nil {
		key := *c.Key
		key.Version++
		h.Keys[key.Code] = key
	}
	if c.Task != nil {
		task := *c.Task
		task.Version++
		task.LeasedUntil = time.Time{}
		h.Tasks[task.ID] = task
	}
	h.History[c.Code()] = append(h.History[c.Code()], c.Events...)
}

func (s *store) Lease(ctx context.Context, _ string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return do(ctx, s, func(h *state) (views []tasks.Snapshot, _ error) {
		due := h.due(ttl)
		for _, t := range due[:min(n, len(due))] {
			if !t.LeasedUntil.IsZero() {
				t.LostLeases++
			}
			t.Fence, t.LeasedUntil = t.Fence+1, now().Add(ttl)
			h.Tasks[t.ID] = t
			views = append(views, h.task(t.ID))
		}
		return views, nil
	})
}

// due returns the open tasks that can be leased, the longest due first.
func (h *state) due(ttl time.Duration) (due []tasks.Task) {
	ahead := now().Add(2 * ttl) // a later time comes from a clock that was since set back
	for _, t := range h.Tasks {
		if t.Open() && (!ready(t).After(now()) || t.LeasedUntil.After(ahead) || t.LeasedUntil.IsZero() && h.decided(t).After(ahead)) {
			due = append(due, t)
		}
	}
	return slices.SortedFunc(slices.Values(due), func(x, y tasks.Task) int { return ready(x).Compare(ready(y)) })
}

// decided returns the time of the task's last event.
func (h *state) decided(t tasks.Task) (at time.Time) {
	for _, e := range h.History[t.Code] {
		if e.Task == t.ID {
			at = e.At
		}
	}
	return at
}

// ready returns the time from which a task can be leased.
func ready(t tasks.Task) time.Time {
	if t.LeasedUntil.IsZero() {
		return t.DueAt
	}
	return t.LeasedUntil
}

func (s *store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	return do(ctx, s, func(h *state) ([]error, error) {
		return each(refs, func(r tasks.Ref) error { return h.extend(r, ttl) }), nil
	})
}

func (h *state) extend(ref tasks.Ref, ttl time.Duration) error {
	t := h.Tasks[ref.ID]
	if t.Ref() != ref || !t.Open() || t.LeasedUntil.IsZero() {
		return tasks.ErrFenced
	}
	t.LeasedUntil = time.Time{}
	if ttl > 0 {
		t.LeasedUntil = now().Add(ttl)
	}
	h.Tasks[t.ID] = t
	return nil
}
