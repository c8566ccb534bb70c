package view

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

type facts struct {
	tasks.Snapshot
	history []tasks.Event
	slots   []slot
}

// A slot is the state of the last slot that a task held.
type slot struct {
	task, plan string
	state      stock.State
}

func newFacts(v tasks.Snapshot, history []tasks.Event) facts {
	f := facts{Snapshot: v, history: history}
	for _, e := range history {
		if e.To != "" {
			f.noteSlot(slot{e.Task, e.Plan, e.To})
		}
	}
	if v.Task != nil && v.Task.Slot != "" {
		f.noteSlot(slot{v.Task.ID, v.Task.Plan.ID, v.Task.Slot})
	}
	return f
}

// noteSlot records the slot of a task. It replaces an earlier slot of the same task.
func (f *facts) noteSlot(last slot) {
	for i, known := range f.slots {
		if known.task == last.task {
			f.slots[i] = last
			return
		}
	}
	f.slots = append(f.slots, last)
}

const overdueAfter = time.Minute // a due task is overdue after this time; a running daemon makes an attempt sooner

func (f facts) missing() bool             { return !f.Key.Exists() }
func (f facts) revoked() bool             { return f.Key.Revoked }
func (f facts) open() bool                { return f.Task != nil && f.Task.Open() }
func (f facts) revokedWithOpenTask() bool { return f.Key.Revoked && f.open() }
func (f facts) leaseExpired() bool {
	return f.open() && !f.Task.LeasedUntil.IsZero() && f.Task.LeasedUntil.Before(f.At)
}
func (f facts) leased() bool        { return f.open() && !f.Task.LeasedUntil.IsZero() }
func (f facts) overdue() bool       { return f.open() && f.Task.DueAt.Add(overdueAfter).Before(f.At) }
func (f facts) attempted() bool     { return f.open() && f.Task.Attempts > 0 }
func (f facts) legacy() bool        { return f.Key.InfoShape() == keys.ByInvite }
func (f facts) importedUsed() bool  { return f.Key.Status == keys.Active && f.Key.Used }
func (f facts) inUse() bool         { return f.Key.Status == keys.Success }
func (f facts) upgradeFailed() bool { return f.Key.Status == keys.FailedUpgrade }
func (f facts) renewFailed() bool   { return f.Key.Status == keys.Failed }
func (f facts) renewed() bool       { return f.Key.Status == keys.SuccessRenew }
func (f facts) wasReset() bool      { return f.Key.Status == keys.Active && !f.resetAt().IsZero() }

func (f facts) resetAt() (at time.Time) {
	for _, e := range f.history {
		if e.Type == tasks.EventReset {
			at = e.At
		}
	}
	return at
}

// A key is busy if its next task may be refused for longer than busyAfter, because of many tasks or failed logins.
const busyAfter = 30 * time.Minute

// leftovers returns the next steps for each slot that is suspect, or spent but no longer in use, and for a busy key.
func (f facts) leftovers(advice *strings.Replacer) (all []string) {
	inUse := f.usedSlot()
	for i, left := range f.slots {
		text := ""
		switch {
		case left.state == stock.Suspect:
			text = suspectSlot
		case left.state == stock.Spent && i != inUse:
			text = spentSlot
		}
		if text != "" {
			all = append(all, strings.NewReplacer("{plan}", left.plan, "{task}", left.task).Replace(advice.Replace(text)))
		}
	}
	if f.Key.NextTaskAt.After(f.At.Add(busyAfter)) && !f.Key.Revoked {
		all = append(all, f.expand(busyKey))
	}
	return all
}

// usedSlot returns the index of the slot that the key occupies, or -1.
func (f facts) usedSlot() int {
	for i := len(f.slots) - 1; i >= 0 && f.Key.Used && !f.Key.Revoked; i-- {
		if f.slots[i].state == stock.Spent {
			return i
		}
	}
	return -1
}

// releasedText returns a text with the time at which the slot of a task was given back, or "" if it was not.
func (f facts) releasedText(t tasks.Task) (text string) {
	for _, e := range f.history {
		if e.Type == tasks.EventReleased && e.Task == t.ID {
			text = "; its slot of plan " + e.Plan + " was given back at " + Time{e.At}.String()
		}
	}
	return text
}

// reason returns the note of the latest task's last change. If that change was an admin action or
// archiving, it returns "". Such a note contains a name or an amount, not a reason.
func (f facts) reason() (note string) {
	for _, e := range f.history {
		if f.Task == nil || e.Task != f.Task.ID {
			continue
		}
		switch e.Type { //nolint:exhaustive // the notes of the others are reasons
		case tasks.EventRetryNow, tasks.EventResolved, tasks.EventReleased, tasks.EventArchived:
			note = ""
		default:
			note = e.Note
		}
	}
	return note
}

// expand replaces the names in braces with facts. A value that starts with a connecting word, such as
// "since", is empty if the fact is missing.
func (f facts) expand(text string) string {
	failure, _ := f.failureReason()
	text = strings.ReplaceAll(text, "{why}", failure.text)
	task := tasks.Task{}
	if f.Task != nil {
		task = *f.Task
	}
	attempts, doubt := timesText(task.Attempts+task.LostLeases), ""
	if task.InDoubt || task.LostLeases > 0 {
		doubt = "; the provider may have carried it out nevertheless"
	}
	return strings.NewReplacer(
		"{key}", shellArgument(string(f.Key.Code)),
		"{message}", cmp.Or(quoted(f.Key.Message), "the reason is not known"),
		"{since}", prefixed(", since ", Time{f.Key.UsedDate}.String()),
		"{as}", prefixed(", as ", quoted(f.Key.Username)),
		"{released}", f.releasedText(task),
		"{at}", prefixed(", at ", quoted(f.Key.VerifyAddress)),
		"{limit}", Time{f.Key.NextTaskAt}.String(),
		"{reset}", Time{f.resetAt()}.String(),
		"{task}", task.ID,
		"{kind}", string(task.Kind),
		"{country}", string(task.Country),
		"{plan}", task.Plan.ID,
		"{created}", Time{task.CreatedAt}.String(),
		"{due}", Time{task.DueAt}.String(),
		"{attempts}", attempts,
		"{tried}", prefixed("; the provider was called", attempts),
		"{reason}", prefixed(": ", withoutMarks(f.reason())),
		"{doubt}", doubt,
	).Replace(text)
}

// quoted returns a text of the provider or of an import in quotation marks, or "" for an empty text. So a reader
// does not take it for advice.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	return "“" + strings.NewReplacer("“", `"`, "”", `"`).Replace(withoutMarks(text)) + "”"
}

// withoutMarks returns a text from outside without backquotes, because backquotes mark a command, and without
// format characters.
func withoutMarks(text string) string { return strings.ReplaceAll(visible(text), "`", "'") }

// visible returns a text without format characters (Unicode Cf). Such a character is invisible, and can change the
// direction of the text after it.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
}

func prefixed(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func timesText(n int) string {
	if words := []string{"", " once", " twice"}; n >= 0 && n < len(words) {
		return words[n]
	}
	return fmt.Sprintf(" %d times", n)
}

const shellSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.,:/@%+"

// shellArgument quotes a code for the command line of a shell.
func shellArgument(code string) string {
	quoted := code
	if strings.Trim(code, shellSafe) != "" {
		quoted = "'" + strings.ReplaceAll(code, "'", `'\''`) + "'"
	}
	if strings.HasPrefix(code, "-") {
		return "-- " + quoted
	}
	return quoted
}
