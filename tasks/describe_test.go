package tasks_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A line is a list of parts of a text, which String joins with commas.
type line []string

func (l *line) add(when bool, format string, args ...any) {
	if when {
		*l = append(*l, fmt.Sprintf(format, args...))
	}
}

func (l line) String() string { return strings.Join(l, ", ") }

// since returns a time as text, relative to the beginning of the story.
func since(t time.Time) string { return t.Sub(now).String() }

func describeKey(k keys.Key) string {
	var l line
	l.add(true, "%s", k.Status)
	l.add(k.Used, "used")
	l.add(!k.Used, "unused")
	l.add(k.Revoked, "revoked")
	l.add(k.Legacy(), "legacy")
	l.add(k.Message != "", "%q", k.Message)
	l.add(k.Username != "", "username %s", k.Username)
	l.add(k.VerifyAddress != "", "at %s", k.VerifyAddress)
	l.add(!k.UsedDate.IsZero(), "since %s", since(k.UsedDate))
	return l.String()
}

func describeTask(t tasks.Task) string {
	var l line
	l.add(true, "%s %s", t.ID, t.Kind)
	l.add(t.Plan.ID != "", "plan %d: %s %s", t.Ordinal, t.Plan.ID, t.Slot)
	l.add(t.Attempts > 0, "asked %d", t.Attempts)
	l.add(t.CountedAttempts > 0, "tries %d", t.CountedAttempts)
	l.add(t.LostLeases > 0, "leases lost %d", t.LostLeases)
	l.add(t.InDoubt, "in doubt")
	l.add(len(t.Faulty) > 0, "faulty %s", strings.Join(t.Faulty, " "))
	l.add(t.Open() && t.LeasedUntil.IsZero(), "due at %s", since(t.DueAt))
	l.add(t.Open() && !t.LeasedUntil.IsZero(), "leased until %s", since(t.LeasedUntil))
	l.add(!t.Open(), "ended at %s as %s", since(t.EndedAt), t.Outcome)
	l.add(t.Open() != (t.Sealed != nil), "SECRET: %v", t.Sealed != nil)
	return l.String()
}

func describePlan(p stock.Plan) string {
	var l line
	l.add(true, "%s, free %d", p.Country, p.Free())
	l.add(p.Held > 0, "held %d", p.Held)
	l.add(p.Spent > 0, "spent %d", p.Spent)
	l.add(p.Suspect > 0, "suspect %d", p.Suspect)
	l.add(p.Fault != "", "found %s", p.Fault)
	return l.String()
}

func describeEvent(e tasks.Event) string {
	var l line
	l.add(true, "%s", e.Type)
	l.add(e.Task != "", "%s %s", e.Task, e.Kind)
	l.add(e.Outcome != "", "%s", e.Outcome)
	l.add(e.To != "", "a slot of %s from %s to %s", e.Plan, e.From, e.To)
	l.add(e.Note != "", "because %q", e.Note)
	return l.String()
}
