package linear_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A keyState is the state of a key in the model: the fields of info, and the open task.
type keyState struct {
	status  string
	used    int
	message string
	open    string // upgrade, renew, or "" for none
	outcome string // the outcome that the open task will have
}

// keyModel is the model of a key that was not used before. An open task may end at any moment. So each step starts from
// the state before the end of the task, or from the state after it.
var keyModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{keyState{status: "active"}} },
	Step: func(state, input, _ any) (next []any) {
		life, d := state.(keyState), input.(operation) //nolint:forcetypeassert // the model has no other types
		for _, from := range life.possibleStates() {
			if to, got := from.step(d); d.Got == "" || d.Got == got {
				next = append(next, to)
			}
		}
		return next
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
}

// possibleStates returns the states that the next step may start from.
func (l keyState) possibleStates() []keyState {
	if l.open == "" {
		return []keyState{l}
	}
	return []keyState{l, l.afterEnd()}
}

func (l keyState) afterEnd() keyState {
	switch {
	case l.open == "upgrade" && l.outcome == "success":
		return keyState{status: "success", used: 1}
	case l.open == "upgrade":
		return keyState{status: "failed_upgrade", message: harness.Messages[l.outcome]}
	case l.outcome == "success":
		return keyState{status: "success_renew", message: "Key Renewed"}
	}
	return keyState{status: "failed", used: 1, message: harness.Messages[l.outcome]}
}

// step returns the state after a call, and the answer.
func (l keyState) step(d operation) (keyState, string) {
	switch {
	case d.Do == "info":
		return l, l.info()
	case l.open == "upgrade":
		return l, harness.ErrorBody(harness.UpgradeOpen)
	case l.open == "renew":
		return l, harness.ErrorBody(harness.RenewOpen)
	case d.Do == "upgrade" && l.used == 1:
		return l, harness.ErrorBody(harness.KeyUsed)
	case d.Do == "renew" && l.used == 0:
		return l, harness.ErrorBody(harness.KeyUnused)
	}
	sent := harness.UpgradeSent
	if d.Do == "renew" {
		sent = harness.RenewSent
	}
	return keyState{"in_queue", l.used, "", d.Do, d.With}, sent
}

// info returns the part of an answer to info that the model knows.
func (l keyState) info() string { return fmt.Sprintf("%s %d %s", l.status, l.used, l.message) }

// A planState is the state of the only plan of a country in the model.
type planState struct {
	size, free int
	slots      string // the state of each buyer's slot
}

// The states of a slot for a buyer, and what info shows for each.
const (
	notAccepted = '.' // not accepted yet
	held        = 'h'
	none        = 'o' // out of stock
	spent       = 's'
	givenBack   = 'b' // given back
)

var infoOfSlot = map[byte]string{notAccepted: "active", held: "in_queue", none: "out_of_stock", spent: "success", givenBack: "failed"}

// stockModel is the model of a plan without slots. The end of a task is an operation of its own, because it changes
// what all clients see. It comes between the request and the first info that shows it.
var stockModel = porcupine.Model{
	Init: func() any { return planState{} },
	Step: func(state, input, _ any) (bool, any) {
		s, d := state.(planState), input.(operation) //nolint:forcetypeassert // the model has no other types
		to, got := s.step(d)
		return d.Got == "" || d.Got == got, to
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
}

// step returns the state after a call, and the answer.
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
		return s.withSlot(nth, none), harness.UpgradeSent
	}
	s.free--
	return s.withSlot(nth, held), harness.UpgradeSent
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

// withSlot returns the state of the plan in which one buyer's slot has another state.
func (s planState) withSlot(nth int, what byte) planState {
	if missing := nth + 1 - len(s.slots); missing > 0 {
		s.slots += strings.Repeat(string(notAccepted), missing)
	}
	s.slots = s.slots[:nth] + string(what) + s.slots[nth+1:]
	return s
}
