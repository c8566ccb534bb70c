package adminstore

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// An Order is the order of a list.
type Order string

// The orders. The zero Order is [Oldest], but a list of keys without a filter then has the order of the codes'
// bytes.
const (
	Oldest Order = "oldest" // first
	Newest Order = "newest" // first
)

// A Position is the place of an entry in a list. Entries are ordered by At, and then by the bytes of ID.
type Position struct {
	At time.Time // see [KeyFilter.Position] and [TaskFilter.Position]
	ID string    // a code, or the id of a task or of another entry
}

// IsZero reports whether p is the zero Position, which is no place.
func (p Position) IsZero() bool { return p == Position{} }

// Compare compares the places of two entries in a list of the order [Oldest].
func (p Position) Compare(q Position) int {
	return cmp.Or(p.At.Compare(q.At), cmp.Compare(p.ID, q.ID))
}

// A Page is the part of a list to read.
type Page struct {
	Order Order
	After Position // zero: from the beginning
	Back  bool     // read the entries before After instead, the nearest ones
	Limit int      // at least 1
}

// A List is a page of a list of keys or tasks.
type List = ListOf[tasks.Snapshot]

// A ListOf is a page of a list. It may have fewer entries than the limit although more follow, because a store
// reads a limited number of entries for a page.
type ListOf[T any] struct {
	Entries []T      // in the order of the list, also if the page was read with Back
	Next    Position // After of the next page in the same direction; zero: this is the last page
}

// Neighbors returns the positions of the pages around a page p. To read the next page, set After to next. To read the
// previous page, set After to previous, and Back. The zero Position means that there is no such page. If l is empty, the
// page in the direction from which p was reached begins at the position of p.
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

// Each yields the entries of a list. It reads page after page with the given size. An error ends the sequence.
func Each[T any](p Page, read func(Page) (ListOf[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p := p; ; {
			l, err := read(p)
			if err != nil {
				var none T
				yield(none, err)
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

// Cut returns a page of the given entries, which need no order. It is for stores that keep everything in memory.
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
