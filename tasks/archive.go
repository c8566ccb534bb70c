package tasks

import (
	"context"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// An Archiver gives away what is over, and keeps no more of it than is still needed. A store need not
// be one. Archive may be called at once from many goroutines, and while everything else goes on.
type Archiver interface {
	// Archive makes cuts. What they take away goes to keep first: where that gives an error, which is
	// the answer then, nothing is taken. It may be given the same again before the call ends, but what it
	// was never given is still there. The errors stand in the order of the cuts: nil, or [ErrConflict] if
	// the key's history is longer or shorter than the cut says, or a listener is still to be told of it; it
	// may be that too while somebody is changing the key. Then the cut has left no trace.
	Archive(ctx context.Context, cuts []ArchivePlan, keep func(ArchivedRows) error) ([]error, error)
}

// An ArchivedRows is what cuts take away, those of a key the oldest first.
type ArchivedRows struct {
	Tasks []Task
	Lines []HistoryEntry
}

// An ArchivePlan takes a key's whole history away, and the tasks that nobody needs any more. The key stays as it
// is.
type ArchivePlan struct {
	ID      string // of the write, as that of a [Change]
	Code    keys.Code
	Lines   int      // of history that there are
	Tasks   []string // the ids of those that go
	Summary []Event  // the lines that come in the place of the others; no listener is told of them
}

// ArchiveAge is how long everything stays in the store, whatever is archived: as long as a [TaskStats]
// looks back, and longer than anybody applies a change again or a listener waits for what it is told.
const ArchiveAge = MaxHours * time.Hour

// Archive decides what of the record goes if it has not changed since before that time, nor within
// [ArchiveAge]. False is that nothing does: the key is at work, stands by a reset, has a slot that an
// operator has to settle, does not fit together, or there is nothing more to gain.
//
// The key's latest task stays, and each that has spent a slot, since that may be released one day. For
// each of them one line stays that says where its slot is, so that all sums remain what they were.
func (r Record) Archive(before time.Time, id string) (ArchivePlan, bool) {
	if latest := r.At.Add(-ArchiveAge); latest.Before(before) {
		before = latest
	}
	if !r.isArchivable(before) {
		return ArchivePlan{}, false
	}
	c := ArchivePlan{ID: id, Code: r.Code, Lines: len(r.Events)}
	for _, t := range r.Tasks {
		if t.ID != r.Key.Task && t.place() == (slotLocation{}) {
			c.Tasks = append(c.Tasks, t.ID)
			continue
		}
		c.Summary = append(c.Summary, t.summary(r.At))
	}
	if len(c.Summary) == 0 {
		c.Summary = []Event{{At: r.At, Type: EventArchived, Code: r.Code}}
	}
	c.Summary[len(c.Summary)-1].Note = c.note(r.Events)
	return c, c.Lines > len(c.Summary) || len(c.Tasks) > 0
}

// isArchivable says whether nothing has happened to the key since before that time, and nothing is to come of
// what has: every slot that moved is where its own task says, for good or until it is released.
func (r Record) isArchivable(before time.Time) bool {
	for _, e := range r.Events {
		if !e.At.Before(before) || e.Task != "" && r.Task(e.Task) == nil || e.Task == "" && e.To != "" {
			return false
		}
	}
	for _, t := range r.Tasks {
		if t.Open() || t.Slot == stock.Suspect || !r.SlotHistory(t.ID).Matches(t) {
			return false
		}
	}
	return r.Key.Exists() && len(r.Unreadable) == 0 && !r.wasReset(r.ExpectedLatest())
}

// summary is the line that stands for all that was said of a task.
func (t Task) summary(at time.Time) Event {
	event := t.event(EventArchived, at)
	if at := t.place(); at != (slotLocation{}) {
		event.Plan, event.From, event.To = at.plan, stock.Free, at.state
	}
	return event
}

// note says how much goes, and until when it is of.
func (c ArchivePlan) note(gone []Event) string {
	until := ""
	if len(gone) > 0 {
		until = " until " + gone[len(gone)-1].At.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%d lines of history%s, %d tasks", len(gone), until, len(c.Tasks))
}
