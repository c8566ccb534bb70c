package memory

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Apply implements [tasks.Store].
func (s *Store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = s.apply(c)
	}
	return errs, nil
}

func (s *Store) apply(c tasks.Change) error {
	if s.known[done{c.Code(), c.ID}] {
		return nil
	}
	if err := s.refuse(c); err != nil {
		return err
	}
	plan, err := s.post(c)
	if err != nil {
		return err
	}
	s.write(c.WithPlan(plan))
	return nil
}

// refuse returns the error that keeps a change from being made, or nil.
func (s *Store) refuse(c tasks.Change) error {
	if c.Task != nil {
		if err := s.refuseTask(*c.Task); err != nil {
			return err
		}
	}
	if c.Key != nil && s.keys[c.Key.Code].Version != c.Key.Version {
		return tasks.ErrConflict
	}
	return nil
}

func (s *Store) refuseTask(t tasks.Task) error {
	if t.Version == 0 {
		latest, found := s.tasks[s.keys[t.Code].Task]
		if found && latest.Open() {
			return tasks.ErrConflict
		}
		return nil
	}
	stored := s.tasks[t.ID]
	switch {
	case stored.Version == t.Version && stored.Fence == t.Fence:
		return nil
	case stored.Fence != t.Fence || !stored.Open():
		return tasks.ErrFenced
	}
	return tasks.ErrConflict
}

// post transfers and claims the slots of a change. It returns the claimed plan.
func (s *Store) post(c tasks.Change) (stock.Plan, error) {
	if c.Transfer == nil && c.Claim == nil {
		return stock.Plan{}, nil
	}
	book := stock.NewAllocator(s.clock(), s.inOrder())
	plan, err := book.Apply(c.Transfer, c.Claim)
	if err != nil {
		return plan, err
	}
	for _, p := range book.Changed() {
		s.plans[p.ID] = p
	}
	return plan, nil
}

func (s *Store) write(c tasks.Change) {
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
	s.known[done{c.Code(), c.ID}] = true
	s.history[c.Code()] = append(s.history[c.Code()], c.Events...)
	s.outbox.write(c.ID, s.clock(), c.Events...)
}
