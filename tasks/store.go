package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// The errors of a store for one change or lease.
var (
	// ErrConflict reports that the key or the task has changed. Read a new snapshot and decide again.
	ErrConflict = errors.New("tasks: changed meanwhile")
	// ErrFenced reports that another worker has the task by now. Stop, and write nothing.
	ErrFenced = errors.New("tasks: leased to another worker")
)

// A Store stores keys, tasks and plans. It applies decisions and knows no rule. All methods are safe for
// concurrent use, also by many processes if the database is shared. The package storetest tests whether a
// store fulfils this contract.
//
// If a whole call fails, it is unknown whether the call had an effect. The caller may repeat a read, and
// may apply the same changes again.
type Store interface {
	// Snapshots reads each key with its latest task, as of one moment after the start of the call. The
	// snapshots are in the order of the codes. The snapshot of an unknown code has a key that does not exist.
	Snapshots(ctx context.Context, codes []keys.Code) ([]Snapshot, error)

	// Find reads each key like Snapshots, but without its task. The info call needs only the key, and it
	// is the most frequent call.
	Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error)

	// Apply makes the changes in order, each completely or not at all. The returned slice has an error for
	// each change; nil means that the change is durable. A rejected change has no effect, and does not
	// affect the other changes. The errors of a change are:
	//
	//   - ErrFenced, if the stored task has another fence, or has another version and has ended;
	//   - ErrConflict, if the key or the task has another version, or the key of a new task already has
	//     an open task;
	//   - [stock.ErrOutOfStock], if the claim finds no free slot at some moment during the call;
	//   - [stock.ErrSlotState], if the plan has no slot in the state where the transfer begins;
	//   - the error of [Change.Decide].
	//
	// A change can write an ended task if fence and version are the same. An operator's [Resolve]
	// does that.
	//
	// If a change with the same id was already made for the key, Apply returns nil for it and writes
	// nothing. A change that writes a task ends the lease of that task.
	Apply(ctx context.Context, changes []Change) ([]error, error)

	// Lease leases up to n open tasks to the worker for ttl. It takes tasks that are due and not leased,
	// and tasks with an expired lease. It takes them in the order of [Task.LeasableAt]; tasks with the same
	// time have no order. During concurrent calls it may take any tasks from among the first ones. The
	// leases of one call may all end at the same time. Lease raises the fence of each task. If a lease has
	// expired, it also raises LostLeases.
	//
	// Times more than 2×ttl in the future come from a clock that was later set back. Such a lease counts
	// as expired. A task whose newest event is that far in the future counts as due.
	//
	// The result has a snapshot of each leased task. Lease leaves out a task that cannot be read, and
	// still returns the others.
	Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]Snapshot, error)

	// Extend makes the leases end ttl from now. A ttl of 0 returns the leases: the tasks are then due as
	// before, and no lost lease is counted. The returned errors are in the order of the refs. An error
	// is nil, or ErrFenced if the task has another fence, has ended or is not leased. A store on several
	// servers may return another error for a lease on a server that is away.
	Extend(ctx context.Context, refs []Ref, ttl time.Duration) ([]error, error)

	// Stock returns the sums of slots for every country that has a plan, as of one moment during the
	// call. They are in the order of the countries' codes.
	Stock(ctx context.Context) ([]stock.Level, error)
}

// A Ref identifies a lease.
type Ref struct {
	Code  keys.Code
	ID    string // of the task
	Fence int64
}

// Ref returns the identification of the task's lease.
func (t Task) Ref() Ref { return Ref{t.Code, t.ID, t.Fence} }
