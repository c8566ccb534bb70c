package memory

import (
	"context"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
)

var _ archive.Archiver = (*Store)(nil)

// Archive implements [archive.Archiver].
func (s *Store) Archive(_ context.Context, plans []archive.Plan, keep func(archive.Rows) error) ([]error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs, archived := make([]error, len(plans)), map[keys.Code]bool{}
	var rows archive.Rows
	for i, p := range plans {
		if len(s.history[p.Code]) != p.Lines || s.outbox.hasPending(p.Code) || archived[p.Code] {
			errs[i] = tasks.ErrConflict
			continue
		}
		archived[p.Code] = true
		for _, id := range p.Tasks {
			rows.Tasks = append(rows.Tasks, s.tasks[id])
		}
	}
	isArchived := func(e tasks.HistoryEntry) bool { return archived[e.Code] }
	rows.Lines = slices.DeleteFunc(slices.Clone(s.outbox.entries), func(e tasks.HistoryEntry) bool { return !isArchived(e) })
	if err := keep(rows); err != nil {
		return nil, err
	}
	s.outbox.entries = slices.DeleteFunc(s.outbox.entries, isArchived)
	for i, p := range plans {
		if errs[i] == nil {
			s.archive(p)
		}
	}
	return errs, nil
}

// archive deletes the tasks of a plan and replaces the history of its key by the summary.
func (s *Store) archive(p archive.Plan) {
	for _, id := range p.Tasks {
		delete(s.tasks, id)
	}
	s.history[p.Code] = slices.Clone(p.Summary)
	s.outbox.appendEntries(p.ID, p.Summary...)
}
