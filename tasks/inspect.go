package tasks

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// An Inspector reads a store as it is, also what does not fit together, and corrects the one thing
// that no [Change] can: a plan's counters. All methods may be called at once from many goroutines.
type Inspector interface {
	// Records reads up to n codes after that one, in the order of their bytes: those of keys, and
	// those that only a task or a line of history is under. Each is of one moment.
	Records(ctx context.Context, after keys.Code, n int) ([]Record, error)

	// Record reads one code. One that nothing is under has a key that does not exist, and no more.
	Record(ctx context.Context, code keys.Code) (Record, error)

	// PlanAudits counts, as of one moment, the slots of every plan, and of every id that a task or a
	// line of history takes for a plan's, in the order of the ids' bytes.
	PlanAudits(ctx context.Context) ([]PlanAudit, error)

	// FixCounters makes a correction, whole or not at all, or gives ErrConflict if the plan is off by
	// something else by now, and stock.ErrCount if it has not that many slots.
	FixCounters(ctx context.Context, c CounterFix) error
}

// A Record is everything that is stored under one code, as of one moment.
type Record struct {
	At         time.Time // the store's clock
	Code       keys.Code
	Key        keys.Key // that does not exist, where only the rest is there
	Tasks      []Task   // the oldest first
	Events     []Event  // as they were written
	Unreadable []string // the ids of tasks whose rows cannot be read, which are not among Tasks
}

// Task gives the task with that id, or nil.
func (r Record) Task(id string) *Task {
	for i := range r.Tasks {
		if r.Tasks[i].ID == id {
			return &r.Tasks[i]
		}
	}
	return nil
}

// Open gives the tasks that have not ended.
func (r Record) Open() []Task {
	var open []Task
	for _, t := range r.Tasks {
		if t.Open() {
			open = append(open, t)
		}
	}
	return open
}

// ExpectedLatest is the task that ought to be the key's latest, or nil: the one that the key names, unless
// that is not there, or has ended and a newer one is open.
func (r Record) ExpectedLatest() *Task {
	named := r.Task(r.Key.Task)
	if named != nil && named.Open() {
		return named
	}
	for i := len(r.Tasks) - 1; i >= 0; i-- {
		t := &r.Tasks[i]
		if t == named || named == nil && (t.Open() || len(r.Open()) == 0) {
			return t
		}
		if t.Open() && t.CreatedAt.After(named.CreatedAt) {
			return t
		}
	}
	return named
}

// snapshot is the record as a decision on that task sees it.
func (r Record) snapshot(t *Task) Snapshot { return Snapshot{At: r.At, Key: r.Key, Task: t} }

// Opens tries whether the task's secret can be opened. The error says why not, and nothing of it.
func (t Task) Opens(s Sealer) error {
	plain, err := s.Open(t.Sealed, t.bound())
	if err == nil {
		_, err = decodeAccount(plain)
	}
	return err
}

// A PlanAudit is what is counted of one plan: its own counters, the slots that its tasks say they have,
// and the sum of the moves in the history. The three are the same in a store that is well.
type PlanAudit struct {
	At    time.Time        // the store's clock
	Plan  stock.Plan       // Seq 0: there is no plan with that id
	Tasks stock.SlotCounts // by the tasks' own slots
	Moves stock.SlotCounts // the sum of the moves
}

// A CounterFix adds to the counters of a plan that are off by just that from the sum of its moves. Its
// event is a line of history under no key, and moves nothing.
type CounterFix struct {
	ID    string           // of the write, as that of a [Change]
	Add   stock.SlotCounts // to the counters; below 0 where they are too high
	Event Event            // names the plan
}

// FixCounters corrects the plan's counters to the sum of its moves. The error is [stock.ErrSlotState] if the
// plan has not that many slots.
func (t PlanAudit) FixCounters(id string) (CounterFix, error) {
	_, err := t.Plan.WithCounts(t.Moves)
	note := "the counters were " + t.Plan.Counts().String() + " and are " + t.Moves.String()
	event := Event{At: t.At, Type: EventRepaired, Plan: t.Plan.ID, Note: note}
	return CounterFix{ID: id, Add: t.Moves.Sub(t.Plan.Counts()), Event: event}, err
}

// Apply corrects the plan that the tally is of, as it stands by now.
func (c CounterFix) Apply(t PlanAudit) (stock.Plan, error) {
	if t.Plan.Seq == 0 || t.Moves.Sub(t.Plan.Counts()) != c.Add {
		return t.Plan, ErrConflict
	}
	return t.Plan.WithCounts(t.Moves)
}
