package blackbox_test

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// A keyState is how a key stands in the model: an answer to info, and the task that is open.
type keyState struct {
	status  string
	used    int
	message string
	open    string // upgrade, renew, or "" for none
	outcome string // which the open task will have
}

// keyModel is a key that nobody has used. The end of its open task may come at any moment, of which
// nobody is told: from each state the next step may be made before it or after it.
var keyModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{keyState{status: "active"}} },
	Step: func(state, input, _ any) (next []any) {
		life, d := state.(keyState), input.(operation) //nolint:forcetypeassert // the model has no others
		for _, from := range life.possibleStates() {
			if to, got := from.step(d); d.Got == "" || d.Got == got {
				next = append(next, to)
			}
		}
		return next
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
}

// possibleStates are the states in which the next step may find the key.
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
		return keyState{status: "failed_upgrade", message: Messages[l.outcome]}
	case l.outcome == "success":
		return keyState{status: "success_renew", message: "Key Renewed"}
	}
	return keyState{status: "failed", used: 1, message: Messages[l.outcome]}
}

// step is the state after a call, and the call's answer.
func (l keyState) step(d operation) (keyState, string) {
	switch {
	case d.Do == "info":
		return l, l.info()
	case l.open == "upgrade":
		return l, ErrorBody(UpgradeOpen)
	case l.open == "renew":
		return l, ErrorBody(RenewOpen)
	case d.Do == "upgrade" && l.used == 1:
		return l, ErrorBody(KeyUsed)
	case d.Do == "renew" && l.used == 0:
		return l, ErrorBody(KeyUnused)
	}
	sent := UpgradeSent
	if d.Do == "renew" {
		sent = RenewSent
	}
	return keyState{"in_queue", l.used, "", d.Do, d.With}, sent
}

// info is what of an answer to info the model knows.
func (l keyState) info() string { return fmt.Sprintf("%s %d %s", l.status, l.used, l.message) }
