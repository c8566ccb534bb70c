// Package adminstore has the port for an operator's lists and imports of keys and plans. A store that implements
// [AdminStore] works with the admin API, the console and the command line.
package adminstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An AdminStore is the port for an operator's lists and imports. It has no method that changes a key or a task, because
// [tasks.Store.Apply] also makes an operator's changes. All methods are safe for concurrent use. The argument n is at
// least 1. After an error that is not documented here, it is unknown whether the call had an effect.
type AdminStore interface {
	// ImportKeys adds all the keys or none of them, each with a history entry. The store sets Version, Task, NextTaskAt
	// and FailedLogins. If the sequence yields an error, ImportKeys returns it. The error is a [RowError] if a code is
	// stored already or occurs twice in the sequence. The error is [ErrBatch] if a batch with this id was imported
	// before.
	ImportKeys(ctx context.Context, b ImportBatch, all iter.Seq2[keys.Key, error]) error

	// Batch lists the keys of a batch, in the order of their codes' bytes.
	Batch(ctx context.Context, id string) ([]keys.Key, error)

	// EditPlans applies all the edits or none of them. It applies them in order, so an edit sees the effect of earlier
	// edits. A new plan is last in the order of import. An invalid edit causes a [RowError]. Pass a few thousand edits
	// at most, because a store may limit the time of a call.
	EditPlans(ctx context.Context, edits []stock.PlanEdit) error

	// Keys lists a page of the keys that match the filter, each with its latest task. The list is ordered by
	// [KeyFilter.Position].
	Keys(ctx context.Context, f KeyFilter, p Page) (List, error)

	// Plans lists up to n plans whose Seq is greater than after, in the order of import. If after is 0, the list starts
	// with the first plan.
	Plans(ctx context.Context, after int64, n int) ([]stock.Plan, error)

	// PlansByID reads the plans with the given ids, in the order of import. The result has no entry for an unknown id.
	PlansByID(ctx context.Context, ids []string) ([]stock.Plan, error)

	// Tasks lists a page of the tasks that match the filter, each with its key. The list is ordered by
	// [TaskFilter.Position].
	Tasks(ctx context.Context, f TaskFilter, p Page) (List, error)

	// Search finds keys, tasks and plans. It returns up to s.Limit of each kind.
	Search(ctx context.Context, s Search) (Found, error)

	// Task reads one task with its key. If there is no task with that id, the snapshot has no task.
	Task(ctx context.Context, id string) (tasks.Snapshot, error)

	// History lists the events of a key, the oldest first.
	History(ctx context.Context, code keys.Code) ([]tasks.Event, error)

	// QueueStats counts the open tasks, as of one moment during the call.
	QueueStats(ctx context.Context) (stats.Queue, error)
}

// An ImportBatch describes one import of keys.
type ImportBatch struct {
	ID   string          // chosen by the caller; the store imports each batch once
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

// A Search is a text that an operator looks for. [ParseSearch] makes one.
type Search struct {
	Text     string      // an order, a username, the id of a task or plan, or the beginning of one of these
	Codes    []keys.Code // the whole codes to find
	Prefixes []string    // the beginnings of codes to find
	Ends     []string    // the ends of codes to find, each of [EndLen] characters
	Limit    int         // the maximum number of results in each list of [Found]
}

// The end of a code is its last EndLen characters: the last group of a generated code. A search by the end finds only
// codes of MinEndCode characters or more. A list with masked codes still shows this end of such a code.
const (
	EndLen     = 5
	MinEndCode = 20
)

// Found is the result of a search. Each list is sorted by the matching text, byte by byte. So an exact match comes
// before longer texts that begin with the searched text.
type Found struct {
	Codes     []tasks.Snapshot // keys whose code matches
	Orders    []tasks.Snapshot // keys whose order matches
	Usernames []tasks.Snapshot // keys whose username matches
	Tasks     []tasks.Snapshot
	Plans     []stock.Plan
}

// ParseSearch reads a text that a person typed or pasted. The text may be a code or a part of a code, in any spelling
// that [keys.Parse] accepts. If prefixes is true, the search also finds codes by their beginning. Pass true only for a
// client that may list whole codes, because any other client could find out a code character by character.
func ParseSearch(text string, prefixes bool, limit int) Search {
	text = keys.Trim(strings.TrimPrefix(keys.Trim(text), "…"))
	s := Search{Text: text, Limit: limit}
	if text == "" {
		return s
	}
	if code, err := keys.ParseTyped(text); err == nil {
		s.Codes = []keys.Code{code}
	}
	spellings := []string{text}
	if own, ok := keys.ParsePart(text); ok && own != text {
		spellings = append(spellings, own)
	}
	if prefixes {
		s.Prefixes = spellings
	}
	for _, end := range spellings {
		if len(end) == EndLen {
			s.Ends = append(s.Ends, end)
		}
	}
	return s
}

// MatchCode reports whether the search finds a key by its code.
func (s Search) MatchCode(code keys.Code) bool {
	text := string(code)
	return slices.Contains(s.Codes, code) ||
		slices.ContainsFunc(s.Prefixes, func(p string) bool { return strings.HasPrefix(text, p) }) ||
		len(text) >= MinEndCode && slices.ContainsFunc(s.Ends, func(end string) bool { return strings.HasSuffix(text, end) })
}

// Match reports whether the search finds an order, a username, a task or a plan by the given text.
func (s Search) Match(text string) bool { return s.Text != "" && strings.HasPrefix(text, s.Text) }

// In searches among the given keys, tasks and plans. It is for stores that keep everything in memory.
func (s Search) In(allKeys, allTasks []tasks.Snapshot, plans []stock.Plan) Found {
	code := func(v tasks.Snapshot) string { return string(v.Key.Code) }
	order := func(v tasks.Snapshot) string { return v.Key.OrderID }
	username := func(v tasks.Snapshot) string { return v.Key.Username }
	return Found{
		Codes:     matches(allKeys, s.Limit, code, func(text string) bool { return s.MatchCode(keys.Code(text)) }),
		Orders:    matches(allKeys, s.Limit, order, s.Match),
		Usernames: matches(allKeys, s.Limit, username, s.Match),
		Tasks:     matches(allTasks, s.Limit, func(v tasks.Snapshot) string { return v.Task.ID }, s.Match),
		Plans:     matches(plans, s.Limit, func(p stock.Plan) string { return p.ID }, s.Match),
	}
}

// matches sorts the elements with a matching text by that text, and returns the first n.
func matches[T any](all []T, n int, text func(T) string, match func(string) bool) (found []T) {
	for _, v := range all {
		if match(text(v)) {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(x, y T) int { return cmp.Compare(text(x), text(y)) })
	return found[:min(n, len(found))]
}
