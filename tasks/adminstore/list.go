package adminstore

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Order is the order of a list.
type Order string

// The orders. The zero Order means [Oldest]. There is one exception: a list of keys without a filter is then sorted by
// the bytes of the codes.
const (
	Oldest Order = "oldest" // the oldest entry first
	Newest Order = "newest" // the newest entry first
)

// A Position is the place of an entry in a list. Entries are ordered by At, and then by the bytes of ID.
type Position struct {
	At time.Time // the time that [KeyFilter.Position] or [TaskFilter.Position] returns
	ID string    // a key's code, or the id of a task or of another entry
}

// IsZero reports whether p is the zero Position. No entry has this position.
func (p Position) IsZero() bool { return p == Position{} }

// Compare compares the places of two entries in a list of the order [Oldest].
func (p Position) Compare(q Position) int {
	return cmp.Or(p.At.Compare(q.At), cmp.Compare(p.ID, q.ID))
}

// A Page is the part of a list to read.
type Page struct {
	Order Order
	After Position // the page begins after this position; zero: at the beginning of the list
	Back  bool     // read the entries directly before After, not the entries after it
	Limit int      // at least 1
}

// A List is a page of a list of keys or tasks.
type List = ListOf[tasks.Snapshot]

// A ListOf is a page of a list. It may have fewer entries than the limit although more follow, because a store
// reads a limited number of entries for a page.
type ListOf[T any] struct {
	Entries []T      // in the order of the list, even if the page was read with Back
	Next    Position // the value of [Page.After] for the next page in the same direction; zero: this is the last page
}

// Neighbors returns the values of [Page.After] for the two pages around l, which was read with p. To read the next
// page, set After to next. To read the previous page, set After to previous and Back to true. The zero Position means
// that there is no such page. If l is empty, Neighbors returns p.After instead of the position of an entry.
func (l ListOf[T]) Neighbors(p Page, position func(T) Position) (next, previous Position) {
	first, last := p.After, p.After
	if n := len(l.Entries); n > 0 {
		first, last = position(l.Entries[0]), position(l.Entries[n-1])
	}
	switch {
	case p.Back:
		return last, l.Next
	case p.After.IsZero():
		return l.Next, Position{}
	}
	return l.Next, first
}

// Each yields the entries of a list. It calls read for page after page, starting with p, each of up to p.Limit entries.
// An error ends the sequence.
func Each[T any](p Page, read func(Page) (ListOf[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p := p; ; {
			l, err := read(p)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, v := range l.Entries {
				if !yield(v, nil) {
					return
				}
			}
			if l.Next.IsZero() {
				return
			}
			p.After = l.Next
		}
	}
}

// Cut returns a page of the given entries, which may be in any order. Cut sorts the slice in place. It is for stores
// that keep everything in memory.
func Cut[T any](all []T, position func(T) Position, p Page) (l ListOf[T]) {
	compare := func(x, y Position) int {
		if (p.Order == Newest) != p.Back {
			x, y = y, x
		}
		return x.Compare(y)
	}
	slices.SortFunc(all, func(x, y T) int { return compare(position(x), position(y)) })
	if !p.After.IsZero() {
		all = slices.DeleteFunc(all, func(v T) bool { return compare(position(v), p.After) <= 0 })
	}
	if l.Entries = all[:min(p.Limit, len(all))]; len(l.Entries) < len(all) {
		l.Next = position(l.Entries[p.Limit-1])
	}
	if p.Back {
		slices.Reverse(l.Entries)
	}
	return l
}

// A TaskState is a class of tasks. A task can be in several states: for example, a running task is also open.
type TaskState string

// The states.
const (
	AnyTask      TaskState = ""
	OpenTask     TaskState = "open"     // not ended: waiting, running or retrying
	WaitingTask  TaskState = "waiting"  // open, not leased, before the first attempt
	RunningTask  TaskState = "running"  // open and leased by a worker
	RetryingTask TaskState = "retrying" // open, not leased, after an attempt
	EndedTask    TaskState = "ended"    // ended, with or without a suspect slot
	FailedTask   TaskState = "failed"   // ended with another outcome than success
	SuspectTask  TaskState = "suspect"  // ended with a slot that an operator must resolve
)

// TaskStates lists the states, without [AnyTask].
func TaskStates() []TaskState {
	return []TaskState{OpenTask, WaitingTask, RunningTask, RetryingTask, EndedTask, FailedTask, SuspectTask}
}

// Match reports whether the task is in the state. No task is in an unknown state.
func (s TaskState) Match(t tasks.Task) bool {
	leased, attempted := !t.LeasedUntil.IsZero(), t.Attempts+t.LostLeases > 0
	switch s {
	case AnyTask:
		return true
	case OpenTask:
		return t.Open()
	case WaitingTask:
		return t.Open() && !leased && !attempted
	case RunningTask:
		return t.Open() && leased
	case RetryingTask:
		return t.Open() && !leased && attempted
	case EndedTask:
		return !t.Open()
	case FailedTask:
		return !t.Open() && t.Outcome != tasks.Success
	case SuspectTask:
		return t.Slot == stock.Suspect
	}
	return false
}

// A TaskFilter selects the tasks that have all the given properties. The zero TaskFilter selects all tasks.
type TaskFilter struct {
	State    TaskState
	Outcomes []tasks.Outcome // any of these; "" selects open tasks; an empty list: any outcome
	Country  stock.Country
	Plan     string    // the id of the plan whose slot the task holds or last held
	Code     keys.Code // of the task's key
	Since    time.Time // selects tasks that were accepted at this time or later
	Until    time.Time // selects tasks that were accepted before this time; zero: no bound
}

// Match reports whether the filter selects the task.
func (f TaskFilter) Match(t tasks.Task) bool {
	return f.State.Match(t) &&
		(len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, t.Outcome)) &&
		(f.Country == "" || f.Country == t.Country) &&
		(f.Plan == "" || f.Plan == t.Plan.ID) &&
		(f.Code == "" || f.Code == t.Code) &&
		!t.CreatedAt.Before(f.Since) && (f.Until.IsZero() || t.CreatedAt.Before(f.Until))
}

// Position returns the place of a task: the time at which it was accepted, and its id.
func (TaskFilter) Position(v tasks.Snapshot) Position { return Position{v.Task.CreatedAt, v.Task.ID} }

// A KeyFilter selects the keys that have all the given properties. The zero KeyFilter selects all keys.
type KeyFilter struct {
	OrderID      *string       // the order of the shop; "": keys without an order; nil: all keys
	Statuses     []keys.Status // any of these; an empty list: any status
	Used         *bool
	Revoked      *bool
	BoughtAfter  time.Time     // selects keys that were bought at this time or later
	BoughtBefore time.Time     // selects keys that were bought before this time, and no key without a purchase date; zero: no bound
	Country      stock.Country // of the key's latest task
	Plan         string        // of the key's latest task
}

// IsZero reports whether the filter selects all keys.
func (f KeyFilter) IsZero() bool {
	return f.OrderID == nil && len(f.Statuses) == 0 && f.Used == nil && f.Revoked == nil &&
		f.BoughtAfter.IsZero() && f.BoughtBefore.IsZero() && !f.ByTask()
}

// ByTask reports whether the filter selects keys by their latest task.
func (f KeyFilter) ByTask() bool { return f.Country != "" || f.Plan != "" }

// Match reports whether the filter selects the key of a snapshot.
func (f KeyFilter) Match(v tasks.Snapshot) bool {
	return f.MatchKey(v.Key) && (!f.ByTask() || v.Task != nil &&
		(f.Country == "" || f.Country == v.Task.Country) && (f.Plan == "" || f.Plan == v.Task.Plan.ID))
}

// MatchKey reports whether the key has all properties of the filter, except those of its latest task.
func (f KeyFilter) MatchKey(k keys.Key) bool {
	bought := k.PurchaseDate
	return (f.OrderID == nil || *f.OrderID == k.OrderID) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, k.Status)) &&
		(f.Used == nil || *f.Used == k.Used) &&
		(f.Revoked == nil || *f.Revoked == k.Revoked) &&
		!bought.Before(f.BoughtAfter) && (f.BoughtBefore.IsZero() || !bought.IsZero() && bought.Before(f.BoughtBefore))
}

// Position returns the place of a key in a list with this filter and order. Keys are ordered by their purchase dates,
// and then by their codes. A key without a purchase date is the oldest. Two lists have another order:
//
//   - With a filter by country or plan, the position is that of the key's latest task.
//   - A list without a filter and without an [Order] is sorted by code, so At is zero.
func (f KeyFilter) Position(o Order, v tasks.Snapshot) Position {
	switch {
	case f.ByTask():
		return Position{v.Task.CreatedAt, v.Task.ID}
	case f.IsZero() && o == "":
		return Position{ID: string(v.Key.Code)}
	}
	return Position{v.Key.PurchaseDate, string(v.Key.Code)}
}
