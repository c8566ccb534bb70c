package memory

import (
	"context"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var _ tasks.Archiver = (*Store)(nil)

// Archive implements [tasks.Archiver].
func (s *Store) Archive(_ context.Context, cuts []tasks.ArchivePlan, keep func(tasks.ArchivedRows) error) ([]error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs, cut := make([]error, len(cuts)), map[keys.Code]bool{}
	var past tasks.ArchivedRows
	for i, c := range cuts {
		if len(s.history[c.Code]) != c.Lines || s.outbox.awaits(c.Code) || cut[c.Code] {
			errs[i] = tasks.ErrConflict
			continue
		}
		cut[c.Code] = true
		for _, id := range c.Tasks {
			past.Tasks = append(past.Tasks, s.tasks[id])
		}
	}
	gone := func(l tasks.HistoryEntry) bool { return cut[l.Code] }
	past.Lines = slices.DeleteFunc(slices.Clone(s.outbox.lines), func(l tasks.HistoryEntry) bool { return !gone(l) })
	if err := keep(past); err != nil {
		return nil, err
	}
	s.outbox.lines = slices.DeleteFunc(s.outbox.lines, gone)
	for i, c := range cuts {
		if errs[i] == nil {
			s.cut(c)
		}
	}
	return errs, nil
}

// cut deletes the tasks of c and replaces the history of its key by the summary.
func (s *Store) cut(c tasks.ArchivePlan) {
	for _, id := range c.Tasks {
		delete(s.tasks, id)
	}
	s.history[c.Code] = slices.Clone(c.Summary)
	s.outbox.note(c.ID, c.Summary...)
}

// awaits reports whether a subscriber has a pending delivery for a key, or an event of the key is not routed yet.
func (o *outbox) awaits(code keys.Code) bool {
	for about, l := range o.mail {
		if about.code == code && l.pending() {
			return true
		}
	}
	return slices.ContainsFunc(o.fresh, func(l tasks.HistoryEntry) bool { return l.Code == code })
}
