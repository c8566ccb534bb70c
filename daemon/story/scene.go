package story

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A scene is what the chapters look at.
type scene struct {
	tasks.Snapshot
	past  []tasks.Event
	slots []slot
}

// A slot is where a task left the last one that it held.
type slot struct {
	task, plan string
	state      stock.State
}

func newScene(v tasks.Snapshot, past []tasks.Event) scene {
	s := scene{Snapshot: v, past: past}
	for _, e := range past {
		if e.To != "" {
			s.leave(slot{e.Task, e.Plan, e.To})
		}
	}
	if v.Task != nil && v.Task.Slot != "" {
		s.leave(slot{v.Task.ID, v.Task.Plan.ID, v.Task.Slot})
	}
	return s
}

func (s *scene) leave(last slot) {
	for i, known := range s.slots {
		if known.task == last.task {
			s.slots[i] = last
			return
		}
	}
	s.slots = append(s.slots, last)
}

// late is how long after it was due an open task is asked about, at the latest, where a daemon serves.
const late = time.Minute

func (s scene) missing() bool       { return !s.Key.Exists() }
func (s scene) revoked() bool       { return s.Key.Revoked }
func (s scene) open() bool          { return s.Task != nil && s.Task.Open() }
func (s scene) revokedAtWork() bool { return s.Key.Revoked && s.open() }
func (s scene) orphaned() bool {
	return s.open() && !s.Task.LeasedUntil.IsZero() && s.Task.LeasedUntil.Before(s.At)
}
func (s scene) atWork() bool        { return s.open() && !s.Task.LeasedUntil.IsZero() }
func (s scene) overdue() bool       { return s.open() && s.Task.DueAt.Add(late).Before(s.At) }
func (s scene) asked() bool         { return s.open() && s.Task.Attempts > 0 }
func (s scene) waiting() bool       { return s.open() }
func (s scene) legacy() bool        { return s.Key.InfoShape() == keys.ByInvite }
func (s scene) cameUsed() bool      { return s.Key.Status == keys.Active && s.Key.Used }
func (s scene) inUse() bool         { return s.Key.Status == keys.Success }
func (s scene) upgradeFailed() bool { return s.Key.Status == keys.FailedUpgrade }
func (s scene) renewFailed() bool   { return s.Key.Status == keys.Failed }
func (s scene) renewed() bool       { return s.Key.Status == keys.SuccessRenew }
func (s scene) wasReset() bool      { return s.Key.Status == keys.Active && !s.resetAt().IsZero() }

// resetAt is when the key was reset last.
func (s scene) resetAt() (at time.Time) {
	for _, e := range s.past {
		if e.Type == tasks.EventReset {
			at = e.At
		}
	}
	return at
}

// busy is how long before its allowance of tasks is whole again a key has used up much of it.
const busy = 30 * time.Minute

// left says what is to be done about slots that were left over, and of a key that was busy.
func (s scene) left() (all []string) {
	inUse := s.inUseNow()
	for i, left := range s.slots {
		text := ""
		switch {
		case left.state == stock.Suspect:
			text = suspectSlot
		case left.state == stock.Spent && i != inUse:
			text = spentSlot
		}
		if text != "" {
			all = append(all, strings.NewReplacer("{plan}", left.plan, "{task}", left.task).Replace(text))
		}
	}
	if s.Key.NextTaskAt.After(s.At.Add(busy)) && !s.Key.Revoked {
		all = append(all, busyKey)
	}
	return all
}

// inUseNow is the slot that the key stands for, or -1.
func (s scene) inUseNow() int {
	for i := len(s.slots) - 1; i >= 0 && s.Key.Used && !s.Key.Revoked; i-- {
		if s.slots[i].state == stock.Spent {
			return i
		}
	}
	return -1
}

// note is what was noted when the latest task changed last, unless an operator changed it, or archived
// it: that note says who, or how much, not why.
func (s scene) note() (note string) {
	for _, e := range s.past {
		if s.Task == nil || e.Task != s.Task.ID {
			continue
		}
		switch e.Type { //nolint:exhaustive // the others say why
		case tasks.EventRetryNow, tasks.EventResolved, tasks.EventReleased, tasks.EventArchived:
			note = ""
		default:
			note = e.Note
		}
	}
	return note
}

// fill puts what there is to say into a text. Names that begin with a connecting word are empty
// where there is nothing to connect.
func (s scene) fill(text string) string {
	e, _ := s.ending()
	text = strings.ReplaceAll(text, "{why}", e.why)
	task := tasks.Task{}
	if s.Task != nil {
		task = *s.Task
	}
	return strings.NewReplacer(
		"{key}", argument(string(s.Key.Code)),
		"{message}", cmp.Or(s.Key.Message, "nothing tells why"),
		"{since}", after(", since ", stamp(s.Key.UsedDate)),
		"{as}", after(", as ", s.Key.Username),
		"{at}", after(", at ", s.Key.VerifyAddress),
		"{limit}", stamp(s.Key.NextTaskAt),
		"{reset}", stamp(s.resetAt()),
		"{task}", task.ID,
		"{kind}", string(task.Kind),
		"{country}", string(task.Country),
		"{plan}", task.Plan.ID,
		"{created}", stamp(task.CreatedAt),
		"{due}", stamp(task.DueAt),
		"{asked}", times(task.Attempts+task.LostLeases),
		"{note}", after(": ", s.note()),
		"{doubt}", doubt(task),
	).Replace(text)
}

func after(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func times(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " once"
	case 2:
		return " twice"
	}
	return fmt.Sprintf(" %d times", n)
}

func doubt(t tasks.Task) string {
	if t.InDoubt || t.LostLeases > 0 {
		return "; the provider may have acted on it all the same"
	}
	return ""
}

// harmless are the characters that mean nothing to a shell.
const harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.,:/@%+"

// argument is a code as a shell takes it on a command line.
func argument(code string) string {
	quoted := code
	if strings.Trim(code, harmless) != "" {
		quoted = "'" + strings.ReplaceAll(code, "'", `'\''`) + "'"
	}
	if strings.HasPrefix(code, "-") {
		return "-- " + quoted
	}
	return quoted
}
