// Package audit finds and repairs records that contradict each other.
//
//	Inspector ─▶ Record, PlanAudit ─▶ checks (package daemon/doctor)
//	    ▲               │
//	    │               ▼
//	    │      repairs (pure): RepairStatus, RepairSlot, FailTask, … ─▶ tasks.Change ─▶ tasks.Store
//	    ├───── CounterFix
//	    └───── LevelAudit: the sums of a country and of its plans
//
// A repair is a pure function that reads a [Record] and returns a [tasks.Change] for [tasks.Store]. Only counters and
// sums need methods of their own: [Inspector.FixCounters] and [Inspector.FixLevel].
package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Inspector reads all data of a store, also inconsistent data. It also corrects the counters of a plan
// and the sums of a country, because no [tasks.Change] can do that. All methods are safe for concurrent use.
type Inspector interface {
	// Records reads the records of up to n codes after the given code, in the order of the codes' bytes. It includes
	// codes that have a task or a history entry but no key. Each record is a consistent read, as of one moment.
	Records(ctx context.Context, after keys.Code, n int) ([]Record, error)

	// Record reads the record of one code. For an unknown code it has no key, no task and no event.
	Record(ctx context.Context, code keys.Code) (Record, error)

	// PlanAudits counts the slots of every plan, as of one moment. It includes every plan id that only a
	// task or a history entry names. The result is in the order of the ids' bytes.
	PlanAudits(ctx context.Context) ([]PlanAudit, error)

	// FixCounters makes a correction completely or not at all. The error is [tasks.ErrConflict] if the
	// difference between the counters and the history is no longer c.Add. The error is
	// [stock.ErrSlotState] if the plan has fewer slots than the correction needs.
	FixCounters(ctx context.Context, c CounterFix) error

	// LevelAudits returns the numbers of slots of each country twice, as of one moment: as they are stored, and added up
	// over the country's plans. A store that keeps no sums returns no audit.
	LevelAudits(ctx context.Context) ([]LevelAudit, error)

	// FixLevel sets the stored sums of a country to the sums over its plans.
	FixLevel(ctx context.Context, country stock.Country) error
}

// A LevelAudit contains two sums of the plans of one country. They are equal in a consistent store.
type LevelAudit struct {
	Country stock.Country
	Stored  LevelSums // the sums that the store keeps
	Counted LevelSums // the sums over the plans
}

// LevelSums are the numbers of a country's plans and of their slots, as a store keeps them. Free counts the free slots
// of the plans that were in stock when the store last updated Free. A reader of the sums must deduct the plans that
// have expired since then.
type LevelSums struct{ Plans, Size, Free, Held, Spent, Suspect int }

// String returns the sums as a text for people.
func (l LevelSums) String() string {
	return fmt.Sprintf("%d plans with %d slots: %d free, %d held, %d spent, %d suspect", l.Plans, l.Size, l.Free, l.Held, l.Spent, l.Suspect)
}

// A Record contains everything that is stored for one code, as of one moment.
type Record struct {
	At         time.Time // the store's clock
	Code       keys.Code
	Key        keys.Key      // does not exist if the code has only tasks or events
	Tasks      []tasks.Task  // the oldest first
	Events     []tasks.Event // in the order in which they were written
	Unreadable []string      // the ids of tasks with unreadable rows; Tasks does not contain them
}

// Task returns the task with the given id, or nil.
func (r Record) Task(id string) *tasks.Task {
	i := slices.IndexFunc(r.Tasks, func(t tasks.Task) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Tasks[i]
}

// Open returns the tasks that have not ended.
func (r Record) Open() []tasks.Task {
	return slices.DeleteFunc(slices.Clone(r.Tasks), func(t tasks.Task) bool { return !t.Open() })
}

// ExpectedLatest returns the task that should be the key's latest task, or nil if the record has no task.
// It returns the first of these tasks that exists:
//
//   - the task that the key names, if it is open;
//   - the newest open task, if it is newer than the task that the key names, or if the key names no existing task;
//   - the task that the key names;
//   - the newest task.
func (r Record) ExpectedLatest() *tasks.Task {
	named := r.Task(r.Key.Task)
	if named != nil && named.Open() {
		return named
	}
	for i, t := range slices.Backward(r.Tasks) {
		if t.Open() && (named == nil || t.CreatedAt.After(named.CreatedAt)) {
			return &r.Tasks[i]
		}
	}
	if named == nil && len(r.Tasks) > 0 {
		return &r.Tasks[len(r.Tasks)-1]
	}
	return named
}

// A PlanAudit contains three counts of the slots of one plan. They are equal in a consistent store:
//
//   - the plan's own counters;
//   - the sum over the slots of its tasks;
//   - the sum of the transfers in the history.
type PlanAudit struct {
	At    time.Time        // the store's clock
	Plan  stock.Plan       // Seq is 0 if no plan has that id
	Tasks stock.SlotCounts // the sum over the slots of the tasks
	Moves stock.SlotCounts // the sum of the transfers in the history
}

// A CounterFix corrects the counters of a plan, so that they equal the sum of the transfers in the history. Its event
// is about the plan, not about a key. The event transfers no slot.
type CounterFix struct {
	ID    string           // identifies the write, like the id of a [tasks.Change]
	Add   stock.SlotCounts // added to the counters; negative for a counter that is too high
	Event tasks.Event      // names the plan
}

// FixCounters returns the fix that sets the plan's counters to the sum of its transfers. The error is
// [stock.ErrSlotState] if the plan has fewer slots than that sum.
func (t PlanAudit) FixCounters(id string) (CounterFix, error) {
	_, err := t.Plan.WithCounts(t.Moves)
	note := "the counters were " + t.Plan.Counts().String() + " and are " + t.Moves.String()
	event := tasks.Event{At: t.At, Type: tasks.EventRepaired, Plan: t.Plan.ID, Note: note}
	return CounterFix{ID: id, Add: t.Moves.Sub(t.Plan.Counts()), Event: event}, err
}

// Apply returns the plan of the audit with corrected counters. The audit must be newer than the one that the fix was
// made from. The error is [tasks.ErrConflict] if the plan does not exist or the difference is no longer c.Add. The
// error is [stock.ErrSlotState] if the plan has too few slots.
func (c CounterFix) Apply(t PlanAudit) (stock.Plan, error) {
	if t.Plan.Seq == 0 || t.Moves.Sub(t.Plan.Counts()) != c.Add {
		return t.Plan, tasks.ErrConflict
	}
	return t.Plan.WithCounts(t.Moves)
}
