package memory

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Apply implements [tasks.Store].
func (s *Store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.lock()()
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = s.apply(c)
	}
	return errs, nil
}

func (s *Store) apply(c tasks.Change) error {
	if s.applied[changeKey{c.Code(), c.ID}] {
		return nil
	}
	if c.Decide != nil {
		key := s.keys[c.Code()]
		var err error
		if c, err = c.Decide(s.snapshot(key, key.Task)); err != nil {
			return err
		}
	}
	if err := s.check(c); err != nil {
		return err
	}
	plan, err := s.moveSlots(c)
	if err != nil {
		return err
	}
	s.commit(c.WithPlan(plan))
	return nil
}

func (s *Store) check(c tasks.Change) error {
	if c.Task != nil {
		if err := s.checkTask(*c.Task); err != nil {
			return err
		}
	}
	key := s.keys[c.Code()]
	if !key.Exists() || c.Key != nil && key.Version != c.Key.Version {
		return tasks.ErrConflict
	}
	return nil
}

func (s *Store) checkTask(t tasks.Task) error {
	stored := s.tasks[t.ID]
	if t.Version == 0 {
		latest := s.tasks[s.keys[t.Code].Task]
		if stored.Version > 0 || latest.Version > 0 && latest.Open() {
			return tasks.ErrConflict
		}
		return nil
	}
	switch {
	case stored.Version == t.Version && stored.Fence == t.Fence:
		return nil
	case stored.Fence != t.Fence || !stored.Open():
		return tasks.ErrFenced
	}
	return tasks.ErrConflict
}

func (s *Store) moveSlots(c tasks.Change) (stock.Plan, error) {
	if c.Transfer == nil && c.Claim == nil {
		return stock.Plan{}, nil
	}
	allocator := stock.NewAllocator(s.now(), s.plansInOrder())
	plan, err := allocator.Apply(c.Transfer, c.Claim)
	if err != nil {
		return plan, err
	}
	for _, p := range allocator.Changed() {
		s.plans[p.ID] = p
	}
	return plan, nil
}

func (s *Store) commit(c tasks.Change) {
	if c.Key != nil {
		key := *c.Key
		key.Version++
		s.keys[key.Code] = key
	}
	if c.Task != nil {
		task := *c.Task
		task.Version++
		task.LeasedUntil = time.Time{}
		task.Faulty, task.Sealed = slices.Clone(task.Faulty), slices.Clone(task.Sealed)
		s.tasks[task.ID] = task
	}
	s.applied[changeKey{c.Code(), c.ID}] = true
	s.addEvents(c.Code(), c.ID, c.Events...)
}

func (s *Store) addEvents(code keys.Code, change string, events ...tasks.Event) {
	s.history[code] = append(s.history[code], events...)
	s.outbox.write(change, s.now(), events...)
}
