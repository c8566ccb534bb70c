package tasks

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// An AdminStore is the back office of a store: what its operator reads and brings in. What changes a key
// or a task is not here: it is a [Change], like any other. All methods may be called at once from many
// goroutines; n is at least 1. An error that is not said here is the store's, and nothing is known.
type AdminStore interface {
	// ImportKeys adds keys, all or none, each with a line of history. Version, Task and Limit are the
	// store's. Where the sequence yields an error, that is the answer; where a code exists already, or
	// comes twice, a [RowError]; where the batch has come before, [ErrBatch], whatever the keys are.
	ImportKeys(ctx context.Context, b ImportBatch, all iter.Seq2[keys.Key, error]) error

	// Batch lists the keys that came with a batch, in the order of their codes' bytes.
	Batch(ctx context.Context, id string) ([]keys.Key, error)

	// EditPlans applies edits in order, all or none, each to the plan as the one before left it; a
	// new plan comes last in the order of import. A fault is a [RowError].
	EditPlans(ctx context.Context, edits []stock.PlanEdit) error

	// Keys lists up to n keys with their latest tasks, in the order of their codes' bytes, after
	// that one; from "" on for the first page.
	Keys(ctx context.Context, after keys.Code, n int) ([]Snapshot, error)

	// Plans lists up to n plans in the order of import, after that Seq; from 0 for the first page.
	Plans(ctx context.Context, after int64, n int) ([]stock.Plan, error)

	// Tasks lists up to n tasks that the filter lets pass, each with its key, the oldest first,
	// after that task; the zero Task for the first page.
	Tasks(ctx context.Context, filter TaskFilter, after Task, n int) ([]Snapshot, error)

	// Task reads one task with its key. A view without a task says that there is none.
	Task(ctx context.Context, id string) (Snapshot, error)

	// History lists a key's events, the oldest first.
	History(ctx context.Context, code keys.Code) ([]Event, error)

	// QueueStats counts the open tasks as of one moment of the call.
	QueueStats(ctx context.Context) (QueueStats, error)
}

// An ImportBatch is what keys come in with.
type ImportBatch struct {
	ID   string    // minted by the caller, or an order's own: the same comes in once
	Type EventType // [EventIssued] or [EventImported]
	Note string    // for the operator
}

// ErrBatch says that a batch has come in before.
var ErrBatch = errors.New("this batch was imported already")

// Event is the line of history of a key that comes in at that time.
func (b ImportBatch) Event(at time.Time, code keys.Code) Event {
	return Event{At: at, Type: b.Type, Code: code, Note: b.Note}
}

// A TaskFilter says which tasks to list.
type TaskFilter string

// The filters.
const (
	AnyTask     TaskFilter = ""
	OpenTask    TaskFilter = "open"    // not ended
	EndedTask   TaskFilter = "ended"   // ended, its slot suspect or not
	SuspectTask TaskFilter = "suspect" // ended with a slot that an operator must resolve
)

// Match says whether the filter lets a task pass.
func (f TaskFilter) Match(t Task) bool {
	switch f {
	case AnyTask:
		return true
	case OpenTask:
		return t.Open()
	case EndedTask:
		return !t.Open()
	case SuspectTask:
		return t.Slot == stock.Suspect
	}
	return false
}

// A RowError says which row of an import is at fault, counted from 1, and why.
type RowError struct {
	Row int
	Err error
}

// ErrExists is the fault of a row whose code exists already.
var ErrExists = errors.New("the code exists already")

// Error names the row and the fault.
func (e RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

// Unwrap gives the fault.
func (e RowError) Unwrap() error { return e.Err }
