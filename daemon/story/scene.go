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

// A scene is the facts that the chapters examine.
type scene struct {
	tasks.Snapshot
	past  []tasks.Event
	slots []slot
}

// A slot is the state of the last slot that a task held.
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

// late is the maximum time between due and attempt for an open task while a daemon serves.
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

// resetAt returns when the key was last reset.
func (s scene) resetAt() (at time.Time) {
	for _, e := range s.past {
		if e.Type == tasks.EventReset {
			at = e.At
		}
	}
	return at
}

// busy defines a key with many recent tasks: its rate limit is fully restored only after this time.
const busy = 30 * time.Minute

// left returns the next steps for leftover slots, and for a key with many recent tasks.
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

// inUseNow returns the index of the slot that the key occupies, or -1.
func (s scene) inUseNow() int {
	for i := len(s.slots) - 1; i >= 0 && s.Key.Used && !s.Key.Revoked; i-- {
		if s.slots[i].state == stock.Spent {
			return i
		}
	}
	return -1
}

// note returns the note of the latest task's last change. If that change was an admin action or
// archiving, it returns "". Such a note contains a name or an amount, not a reason.
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

// fill replaces the names in braces with facts. A value that starts with a connecting word, such as
// "since", is empty if the fact is missing.
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

// harmless are the characters without a special meaning in a shell.
const harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.,:/@%+"

// argument quotes a code for the command line of a shell.
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
