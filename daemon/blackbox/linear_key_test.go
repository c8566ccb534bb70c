package blackbox_test

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// A keyLife is how a key stands in the model: an answer to info, and the task that is open.
type keyLife struct {
	status  string
	used    int
	message string
	open    string // upgrade, renew, or "" for none
	outcome string // which the open task will have
}

// keyModel is a key that nobody has used. The end of its open task may come at any moment, of which
// nobody is told: from each state the next step may be made before it or after it.
var keyModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{keyLife{status: "active"}} },
	Step: func(state, input, _ any) (next []any) {
		life, d := state.(keyLife), input.(deed) //nolint:forcetypeassert // the model has no others
		for _, from := range life.moments() {
			if to, got := from.step(d); d.Got == "" || d.Got == got {
				next = append(next, to)
			}
		}
		return next
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
}

// moments are the states in which the next step may find the key.
func (l keyLife) moments() []keyLife {
	if l.open == "" {
		return []keyLife{l}
	}
	return []keyLife{l, l.ended()}
}

func (l keyLife) ended() keyLife {
	switch {
	case l.open == "upgrade" && l.outcome == "success":
		return keyLife{status: "success", used: 1}
	case l.open == "upgrade":
		return keyLife{status: "failed_upgrade", message: messages[l.outcome]}
	case l.outcome == "success":
		return keyLife{status: "success_renew", message: "Key Renewed"}
	}
	return keyLife{status: "failed", used: 1, message: messages[l.outcome]}
}

// step is the state after a call, and the call's answer.
func (l keyLife) step(d deed) (keyLife, string) {
	switch {
	case d.Do == "info":
		return l, l.shows()
	case l.open == "upgrade":
		return l, refused(upgradeOpen)
	case l.open == "renew":
		return l, refused(renewOpen)
	case d.Do == "upgrade" && l.used == 1:
		return l, refused(keyUsed)
	case d.Do == "renew" && l.used == 0:
		return l, refused(keyUnused)
	}
	sent := upgradeSent
	if d.Do == "renew" {
		sent = renewSent
	}
	return keyLife{"in_queue", l.used, "", d.Do, d.With}, sent
}

// shows is what of an answer to info the model knows.
func (l keyLife) shows() string { return fmt.Sprintf("%s %d %s", l.status, l.used, l.message) }
