// Package adminstore has the port for an operator's lists and imports of keys and plans. A store that implements
// [AdminStore] works with the admin API, the console and the command line.
package adminstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An AdminStore is the port for an operator's lists and imports. It has no method that changes a key or
// a task, because an operator's changes are a [tasks.Change] too and go through [tasks.Store.Apply]. All methods are
// safe for concurrent use. The argument n is at least 1. An error that is not documented here comes from
// the store; then it is unknown whether the call had an effect.
type AdminStore interface {
	// ImportKeys adds all the keys or none of them, each with a history entry. The store sets Version,
	// Task, NextTaskAt and FailedLogins. If the sequence yields an error, ImportKeys returns it. The error is a
	// [RowError] if a code exists already or occurs twice. It is [ErrBatch] if a batch with this id
	// was imported before, whatever the keys are.
	ImportKeys(ctx context.Context, b ImportBatch, all iter.Seq2[keys.Key, error]) error

	// Batch lists the keys of a batch, in the order of their codes' bytes.
	Batch(ctx context.Context, id string) ([]keys.Key, error)

	// EditPlans applies all the edits or none of them. It applies them in order, so an edit sees the
	// effect of those before it. A new plan is last in the order of import. An invalid edit causes a
	// [RowError].
	EditPlans(ctx context.Context, edits []stock.PlanEdit) error

	// Keys lists a page of the keys that match the filter, each with its latest task.
	// [KeyFilter.Position] is the order.
	Keys(ctx context.Context, f KeyFilter, p Page) (List, error)

	// Plans lists up to n plans in the order of import. The list starts after the given Seq; the first
	// page starts after 0.
	Plans(ctx context.Context, after int64, n int) ([]stock.Plan, error)

	// PlansByID reads the plans with the given ids, in the order of import. An id of no plan has no entry.
	PlansByID(ctx context.Context, ids []string) ([]stock.Plan, error)

	// Tasks lists a page of the tasks that match the filter, each with its key. [TaskFilter.Position] is
	// the order.
	Tasks(ctx context.Context, f TaskFilter, p Page) (List, error)

	// Search finds keys, tasks and plans. It returns up to s.Limit of each kind.
	Search(ctx context.Context, s Search) (Found, error)

	// Task reads one task with its key. If there is no task with that id, the snapshot has no task.
	Task(ctx context.Context, id string) (tasks.Snapshot, error)

	// History lists the events of a key, the oldest first.
	History(ctx context.Context, code keys.Code) ([]tasks.Event, error)

	// QueueStats counts the open tasks, all at one moment during the call.
	QueueStats(ctx context.Context) (stats.Queue, error)
}

// An ImportBatch describes one import of keys.
type ImportBatch struct {
	ID   string          // made by the caller, or the id of an order: a batch is imported once
	Type tasks.EventType // [tasks.EventIssued] or [tasks.EventImported]
	Note string          // for the operator
}

// Rows yields keys as the rows of an import, for [AdminStore.ImportKeys].
func Rows(all ...keys.Key) iter.Seq2[keys.Key, error] {
	return func(yield func(keys.Key, error) bool) {
		for _, key := range all {
			if !yield(key, nil) {
				return
			}
		}
	}
}

// ErrBatch reports that a batch was imported before.
var ErrBatch = errors.New("this batch was imported already")

// Event returns the event of a key that is imported at the given time.
func (b ImportBatch) Event(at time.Time, code keys.Code) tasks.Event {
	return tasks.Event{At: at, Type: b.Type, Code: code, Note: b.Note}
}

// A RowError reports the invalid row of an import, counted from 1, and the reason.
type RowError struct {
	Row int
	Err error
}

// ErrExists is the error of a row with a code that exists already.
var ErrExists = errors.New("the code exists already")

// Error names the row and the error.
func (e RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

// Unwrap returns the error of the row.
func (e RowError) Unwrap() error { return e.Err }
