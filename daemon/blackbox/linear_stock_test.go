package blackbox_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// A shelf is the one plan of a country in the model.
type shelf struct {
	size, free int
	slots      string // of each who has asked for one, what became of it
}

// What became of who asked for a slot, and what info then shows.
const (
	absent = '.' // not accepted yet
	held   = 'h'
	none   = 'o' // there was none left
	spent  = 's'
	back   = 'b' // given back
)

var seen = map[byte]string{absent: "active", held: "in_queue", none: "out_of_stock", spent: "success", back: "failed"}

// stockModel is a plan without slots. That a slot was spent or given back is a deed of its own,
// because that changes what everybody sees; and it is known to have come between the request and the
// first look that showed it.
var stockModel = porcupine.Model{
	Init: func() any { return shelf{} },
	Step: func(state, input, _ any) (bool, any) {
		s, d := state.(shelf), input.(deed) //nolint:forcetypeassert // the model has no others
		to, got := s.step(d)
		return d.Got == "" || d.Got == got, to
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
}

// step is the state after a call, and the call's answer.
func (s shelf) step(d deed) (shelf, string) {
	switch d.Do {
	case "size":
		return s.resized(d.Slots)
	case "take":
		return s.taken(d.Nth)
	case "look":
		return s, seen[s.slot(d.Nth)]
	case "settle":
		return s.settled(d.Nth, d.With)
	}
	return s, strconv.Itoa(s.free)
}

func (s shelf) resized(to int) (shelf, string) {
	gone := s.size - s.free
	if to < gone {
		return s, "refused"
	}
	s.size, s.free = to, to-gone
	return s, "done"
}

func (s shelf) taken(nth int) (shelf, string) {
	if s.slot(nth) != absent {
		return s, "twice"
	}
	if s.free == 0 {
		return s.with(nth, none), upgradeSent
	}
	s.free--
	return s.with(nth, held), upgradeSent
}

func (s shelf) settled(nth int, outcome string) (shelf, string) {
	if s.slot(nth) != held {
		return s, "nothing was held"
	}
	if outcome == "success" {
		return s.with(nth, spent), "done"
	}
	s.free++
	return s.with(nth, back), "done"
}

func (s shelf) slot(nth int) byte {
	if nth >= len(s.slots) {
		return absent
	}
	return s.slots[nth]
}

// with is the shelf where that became of the slot of one.
func (s shelf) with(nth int, what byte) shelf {
	if missing := nth + 1 - len(s.slots); missing > 0 {
		s.slots += strings.Repeat(string(absent), missing)
	}
	s.slots = s.slots[:nth] + string(what) + s.slots[nth+1:]
	return s
}
