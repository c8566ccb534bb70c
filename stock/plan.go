package stock

import (
	"errors"
	"fmt"
	"time"
)

// A State is where one slot of a plan is.
type State string

// The states of a slot. The zero State is that of no slot at all.
const (
	Free    State = "free"
	Held    State = "held"    // by an open task
	Spent   State = "spent"   // on an upgrade that succeeded
	Suspect State = "suspect" // perhaps spent: neither free nor spent until an operator resolves it
)

// A Fault is what a connector found wrong with a plan. A plan with one is out of stock.
type Fault string

// The faults. The zero Fault is none.
const (
	Expired Fault = "expired" // the plan has run out, whatever its ExpiresAt
	Full    Fault = "full"    // others are in it
	Invalid Fault = "invalid" // its invite or address is good for nothing
)

// A Plan is a family plan and the count of its slots. It is a value: its methods return new ones.
// Always Free + Held + Spent + Suspect = Size, and none is negative.
type Plan struct {
	ID      string
	Seq     int64 // its place in the order of import, from 1
	Country Country
	Address string // where its members must say they live
	Invite  string // what an account joins it with

	Size    int
	Held    int
	Spent   int
	Suspect int

	ExpiresAt time.Time // zero: never
	Retired   bool      // taken out of stock by an operator
	Fault     Fault     // "": none
}

// Free is the number of slots that no task holds, has spent or may have spent.
func (p Plan) Free() int { return p.Size - p.Held - p.Spent - p.Suspect }

// Available says whether the plan is in stock at that time: not retired, expired or found faulty.
func (p Plan) Available(at time.Time) bool {
	return !p.Retired && p.Fault == "" && (p.ExpiresAt.IsZero() || at.Before(p.ExpiresAt))
}

// ErrSlotState says that a slot was to be moved out of a state that has none: it is a fault in a
// program, or in the stored counts, and nothing is changed.
var ErrSlotState = errors.New("stock: the plan has no slot in that state")

// transfer takes one slot from one state to another.
func (p Plan) transfer(from, to State) (Plan, error) {
	p = p.add(from, -1).add(to, +1)
	if !p.Valid() {
		return p, fmt.Errorf("plan %s, %s to %s: %w", p.ID, from, to, ErrSlotState)
	}
	return p, nil
}

func (p Plan) add(s State, n int) Plan {
	switch s {
	case Free: // is what the others leave
	case Held:
		p.Held += n
	case Spent:
		p.Spent += n
	case Suspect:
		p.Suspect += n
	}
	return p
}
