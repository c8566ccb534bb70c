package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// What a store answers for one change or lease.
var (
	// ErrConflict says that the key or task has moved on: view it again and decide again.
	ErrConflict = errors.New("tasks: changed meanwhile")
	// ErrFenced says that the task is another worker's by now: stop, and touch nothing.
	ErrFenced = errors.New("tasks: leased to another worker")
)

// A Store keeps keys, tasks and plans. It applies what was decided and knows no rule. All methods
// may be called at once from many goroutines, and from many processes where the database is shared.
// The package storetest holds a store to this contract.
//
// An error of a whole call means that nothing is known: reads can be repeated, and the same changes
// may be applied again.
type Store interface {
	// Snapshot reads each key, with its latest task, as of one moment no earlier than the call. The
	// views stand in the order of the codes; that of an unknown code has a key that does not exist.
	Snapshots(ctx context.Context, codes []keys.Code) ([]Snapshot, error)

	// Find reads each key as Snapshots does, but without its task: whoever asks how a key stands needs no
	// more, and nothing is asked as often.
	Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error)

	// Apply makes changes, in order, each whole or not at all; a nil error at a change's place says
	// that it is durable. A refused one leaves no trace and does not disturb its neighbours:
	//
	//   - ErrFenced, if the task has another fence, or another version and has ended (one that had
	//     ended before the decision can be written: its suspect slot is resolved so);
	//   - ErrConflict, if the key or the task has another version, or a new task finds one open;
	//   - stock.ErrEmpty, if the claim finds no slot at some moment of the call;
	//   - stock.ErrCount, if the move finds no slot to move.
	//
	// A change whose id is already known for its key has been made: nil again, and nothing is
	// written. A change that writes a task ends its lease.
	Apply(ctx context.Context, changes []Change) ([]error, error)

	// Lease takes up to n open tasks that are due and that nobody has, or whose lease has run out,
	// for ttl: the longest due first, or, while others lease too, any of those that are due the
	// longest. It raises each one's fence, and its Lost where a lease has run
	// out. What lies more than 2 ttl ahead was set by a clock that has since gone back: a lease that
	// ends there has run out, and a task whose last event is there is due. The views are of the leased
	// tasks; a task that cannot be read is left out, never the others with it.
	Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]Snapshot, error)

	// Extend makes leases last for ttl from now; a ttl of 0 gives them back, as though they had not
	// been taken. The errors stand in the order of the refs: nil, or ErrFenced if the task has
	// another fence, has ended, or nobody has it.
	Extend(ctx context.Context, refs []Ref, ttl time.Duration) ([]error, error)

	// Stock sums the slots of every country that has a plan, in the order of their codes, as of one
	// moment of the call.
	Stock(ctx context.Context) ([]stock.Level, error)
}

// A Ref names a lease.
type Ref struct {
	Code  keys.Code
	ID    string // of the task
	Fence int64
}

// Ref names the task's lease.
func (t Task) Ref() Ref { return Ref{t.Code, t.ID, t.Fence} }
