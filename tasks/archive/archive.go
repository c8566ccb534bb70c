// Package archive moves finished tasks and their history out of a store. [Decide] makes a [Plan] of the rows that one
// key no longer needs, and an [Archiver] carries out the plan. The history still gives the same counts of slots.
package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An Archiver moves finished tasks and their history out of the store. The store keeps only the rows that are still
// needed. A store need not implement Archiver. Archive is safe for concurrent use with all methods of the store.
type Archiver interface {
	// Archive removes the rows of the plans from the store. Before that it passes the rows to the function keep. If
	// keep returns an error, Archive removes nothing and returns that error. Archive may call keep again with the same
	// rows. It never removes a row that keep did not receive.
	//
	// The returned slice has an error for each plan, in the order of the plans. The error is nil or
	// [tasks.ErrConflict]. A plan with ErrConflict has had no effect. The reasons for ErrConflict are:
	//
	//   - the key's history has more or fewer entries than the plan says;
	//   - the outbox has not routed an entry of the key yet, or a delivery about the key is still queued;
	//   - an earlier plan of the same call archives the same key;
	//   - a concurrent change of the key, although such a change does not always cause the error.
	Archive(ctx context.Context, plans []Plan, keep func(Rows) error) ([]error, error)
}

// Rows holds the rows that archive plans remove. The rows of one key are in order, the oldest first.
type Rows struct {
	Tasks []tasks.Task
	Lines []tasks.HistoryEntry
}

// A Plan removes the whole history of a key and the tasks that are no longer needed. It does not change the key.
type Plan struct {
	ID      string // identifies the write, like the id of a [tasks.Change]
	Code    keys.Code
	Lines   int           // the number of history entries that the plan replaces
	Tasks   []string      // the ids of the tasks to remove
	Summary []tasks.Event // the events that replace the history; subscribers are not notified of them
}

// MinAge is the minimum age of archived rows. Younger rows are needed for two reasons:
//
//   - [stats.TaskStats] counts the tasks of a period of this length.
//   - A client may apply a change again, and a subscriber may wait for a delivery. Neither happens after MinAge.
const MinAge = stats.MaxHours * time.Hour

// Decide plans the archiving of a record. It returns false if there is nothing to archive, for one of these reasons:
//
//   - the record has an event that is not earlier than the argument before, or not older than [MinAge];
//   - the key has an open task, or a task with a suspect slot that an operator must resolve;
//   - the key was reset after its latest task;
//   - the record is inconsistent;
//   - the plan would remove nothing.
//
// The plan does not remove the key's latest task. It does not remove a task with a spent slot either, because an
// operator may release the slot later. For each task that stays, one summary event records the state of its slot.
// Therefore the slot counts of the history stay the same.
func Decide(r audit.Record, before time.Time, id string) (Plan, bool) {
	if latest := r.At.Add(-MinAge); latest.Before(before) {
		before = latest
	}
	if !isArchivable(r, before) {
		return Plan{}, false
	}
	p := Plan{ID: id, Code: r.Code, Lines: len(r.Events)}
	for _, t := range r.Tasks {
		if t.ID != r.Key.Task && !hasSlot(t) {
			p.Tasks = append(p.Tasks, t.ID)
			continue
		}
		p.Summary = append(p.Summary, summary(t, r.At))
	}
	if len(p.Summary) == 0 {
		p.Summary = []tasks.Event{{At: r.At, Type: tasks.EventArchived, Code: r.Code}}
	}
	p.Summary[len(p.Summary)-1].Note = p.note(r.Events)
	return p, p.Lines > len(p.Summary) || len(p.Tasks) > 0
}

// isArchivable reports whether the record is finished and consistent:
//
//   - the key exists, has no event since the given time, and was not reset after its latest task;
//   - no task is open or unreadable, and no slot is suspect;
//   - the task of every event exists, and the slot of every task matches the history.
//
// Only an operator or a new request can change such a key or the slots of its tasks.
func isArchivable(r audit.Record, before time.Time) bool {
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
	return r.Key.Exists() && len(r.Unreadable) == 0 && !r.WasReset(r.ExpectedLatest())
}

// summary returns the event that replaces all events of the task.
func summary(t tasks.Task, at time.Time) tasks.Event {
	event := t.Event(tasks.EventArchived, at)
	if hasSlot(t) {
		event.Plan, event.From, event.To = t.Plan.ID, stock.Free, t.Slot
	}
	return event
}

func hasSlot(t tasks.Task) bool { return t.Slot != "" && t.Slot != stock.Free }

// note returns a text for operators: the number of removed rows, and the time of the last removed entry.
func (p Plan) note(gone []tasks.Event) string {
	until := ""
	if len(gone) > 0 {
		until = " until " + gone[len(gone)-1].At.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%d history entries%s, %d tasks", len(gone), until, len(p.Tasks))
}
