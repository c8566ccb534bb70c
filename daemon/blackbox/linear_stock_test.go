package blackbox_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// A planState is the one plan of a country in the model.
type planState struct {
	size, free int
	slots      string // of each who has asked for one, what became of it
}

// What became of who asked for a slot, and what info then shows.
const (
	notAccepted = '.' // not accepted yet
	held        = 'h'
	none        = 'o' // there was none left
	spent       = 's'
	givenBack   = 'b' // given back
)

var infoOfSlot = map[byte]string{notAccepted: "active", held: "in_queue", none: "out_of_stock", spent: "success", givenBack: "failed"}

// stockModel is a plan without slots. That a slot was spent or given back is a deed of its own,
// because that changes what everybody sees; and it is known to have come between the request and the
// first look that showed it.
var stockModel = porcupine.Model{
	Init: func() any { return planState{} },
	Step: func(state, input, _ any) (bool, any) {
		s, d := state.(planState), input.(operation) //nolint:forcetypeassert // the model has no others
		to, got := s.step(d)
		return d.Got == "" || d.Got == got, to
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
}

// step is the state after a call, and the call's answer.
func (s planState) step(d operation) (planState, string) {
	switch d.Do {
	case "size":
		return s.resize(d.Slots)
	case "take":
		return s.take(d.Nth)
	case "look":
		return s, infoOfSlot[s.slot(d.Nth)]
	case "settle":
		return s.settle(d.Nth, d.With)
	}
	return s, strconv.Itoa(s.free)
}

func (s planState) resize(to int) (planState, string) {
	gone := s.size - s.free
	if to < gone {
		return s, "refused"
	}
	s.size, s.free = to, to-gone
	return s, "done"
}

func (s planState) take(nth int) (planState, string) {
	if s.slot(nth) != notAccepted {
		return s, "twice"
	}
	if s.free == 0 {
		return s.withSlot(nth, none), UpgradeSent
	}
	s.free--
	return s.withSlot(nth, held), UpgradeSent
}

func (s planState) settle(nth int, outcome string) (planState, string) {
	if s.slot(nth) != held {
		return s, "nothing was held"
	}
	if outcome == "success" {
		return s.withSlot(nth, spent), "done"
	}
	s.free++
	return s.withSlot(nth, givenBack), "done"
}

func (s planState) slot(nth int) byte {
	if nth >= len(s.slots) {
		return notAccepted
	}
	return s.slots[nth]
}

// withSlot is the shelf where that became of the slot of one.
func (s planState) withSlot(nth int, what byte) planState {
	if missing := nth + 1 - len(s.slots); missing > 0 {
		s.slots += strings.Repeat(string(notAccepted), missing)
	}
	s.slots = s.slots[:nth] + string(what) + s.slots[nth+1:]
	return s
}
