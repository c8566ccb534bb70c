package view_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var now = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

// ended returns a task that ended with that outcome an hour ago.
func ended(kind tasks.Kind, o tasks.Outcome, slot stock.State) *tasks.Task {
	return &tasks.Task{
		ID: "T1", Kind: kind, Country: "DE", Plan: tasks.PlanSnapshot{ID: "elm"}, Slot: slot, Attempts: 1,
		CreatedAt: now.Add(-2 * time.Hour), EndedAt: now.Add(-time.Hour), Outcome: o,
	}
}

// open returns an upgrade that is due in a minute.
func open(change func(*tasks.Task)) *tasks.Task {
	t := &tasks.Task{
		ID: "T1", Kind: tasks.Upgrade, Country: "DE", Plan: tasks.PlanSnapshot{ID: "elm"}, Slot: stock.Held,
		CreatedAt: now.Add(-time.Hour), DueAt: now.Add(time.Minute),
	}
	change(t)
	return t
}

func event(kind tasks.EventType, task, plan string, to stock.State, note string) tasks.Event {
	return tasks.Event{At: now.Add(-time.Hour), Type: kind, Task: task, Plan: plan, To: to, Note: note}
}

func TestExplain(t *testing.T) {
	type events = []tasks.Event
	for name, c := range map[string]struct {
		key     keys.Key
		task    *tasks.Task
		history events
		want    string // Now, then each of Next
	}{
		"fresh": {
			key:  keys.Key{Status: keys.Active},
			want: "It has not been used, and can be upgraded. | The holder can upgrade it.",
		},
		"an operator requested a retry": {
			key:     keys.Key{Status: keys.InQueue},
			task:    open(func(t *tasks.Task) { t.Attempts = 1 }),
			history: events{event(tasks.EventRetried, "T1", "", "", "no answer"), event(tasks.EventRetryNow, "T1", "", "", "by ann")},
			want: "The provider was called once for its upgrade, and gave no final answer. The next attempt is due at 2026-11-22T19:38:00Z. | " +
				"Wait: every upgrade ends. | `keyseatd tasks retry T1` makes it due now.",
		},
		"an operator released the slot of an older task": {
			key:     keys.Key{Status: keys.InQueue},
			task:    open(func(t *tasks.Task) { t.Attempts = 1 }),
			history: events{event(tasks.EventRetried, "T1", "", "", "no answer"), event(tasks.EventReleased, "T0", "elm", stock.Free, "by ann")},
			want: "The provider was called once for its upgrade, and gave no final answer: no answer. The next attempt is due at 2026-11-22T19:38:00Z. | " +
				"Wait: every upgrade ends. | `keyseatd tasks retry T1` makes it due now.",
		},
		"archived": {
			key:     keys.Key{Status: keys.FailedUpgrade},
			task:    ended(tasks.Upgrade, tasks.SystemError, stock.Free),
			history: events{event(tasks.EventEnded, "T1", "elm", stock.Free, "no answer"), event(tasks.EventArchived, "T1", "", "", "3 history entries, 0 tasks")},
			want:    "Its upgrade failed: the service failed, or gave no final answer. It can be used again. | The holder can try again.",
		},
		"legacy": {
			key: keys.Key{Status: keys.Active, Used: true, Invite: "link"},
			want: "It was last used with the old system: its holder joins a plan manually, with the invite and the address. A renew is refused. | " +
				"If the invite no longer works, `keyseatd keys reset K` makes it usable.",
		},
		"revoked": {
			key:  keys.Key{Status: keys.Active, Revoked: true},
			want: "It is revoked: to its holder it does not exist. | `keyseatd keys restore K` gives it back its earlier state. | `keyseatd keys reset K` makes it usable, whatever its state.",
		},
		"revoked while in use": {
			key: keys.Key{Status: keys.Success, Used: true, Revoked: true}, task: ended(tasks.Upgrade, tasks.Success, stock.Spent),
			want: "It is revoked: to its holder it does not exist. | `keyseatd keys restore K` gives it back its earlier state. | `keyseatd keys reset K` makes it usable, whatever its state. | " +
				"A slot of plan elm is still spent: when that member has left the plan, `keyseatd plans release T1` frees it.",
		},
		"revoked with an open task": {
			key: keys.Key{Status: keys.InQueue, Revoked: true}, task: open(func(*tasks.Task) {}),
			want: "It is revoked: to its holder it does not exist. Its open upgrade continues to its end. | `keyseatd keys restore K` gives it back its earlier state.",
		},
		"open": {
			key: keys.Key{Status: keys.InQueue}, task: open(func(*tasks.Task) {}),
			want: "Its upgrade was accepted at 2026-11-22T18:37:00Z, and waits for its first attempt. | Wait: every upgrade ends.",
		},
		"overdue": {
			key: keys.Key{Status: keys.InQueue}, task: open(func(t *tasks.Task) { t.DueAt = now.Add(-time.Hour) }),
			want: "Its upgrade has been due since 2026-11-22T18:37:00Z, but no daemon works on it. | Check that a daemon serves this database: only a daemon carries out tasks.",
		},
		"leased": {
			key: keys.Key{Status: keys.InQueue}, task: open(func(t *tasks.Task) { t.LeasedUntil = now.Add(time.Second) }),
			want: "A daemon is working on its upgrade now. | Wait: every upgrade ends.",
		},
		"lease expired": {
			key: keys.Key{Status: keys.InQueue}, task: open(func(t *tasks.Task) { t.LeasedUntil, t.LostLeases = now.Add(-time.Second), 1 }),
			want: "The lease of the daemon that worked on its upgrade has expired; the provider may have carried it out nevertheless. Another daemon takes over the upgrade. | " +
				"Check that a daemon serves this database: only a daemon carries out tasks.",
		},
		"a lost lease without another attempt": {
			key: keys.Key{Status: keys.InQueue}, task: open(func(t *tasks.Task) { t.LostLeases = 1 }),
			want: "The provider was called once for its upgrade, and gave no final answer; the provider may have carried it out nevertheless. The next attempt is due at 2026-11-22T19:38:00Z. | " +
				"Wait: every upgrade ends. | `keyseatd tasks retry T1` makes it due now.",
		},
		"attempted": {
			key: keys.Key{Status: keys.InQueue}, task: open(func(t *tasks.Task) { t.Attempts, t.InDoubt = 3, true }),
			history: events{event(tasks.EventAccepted, "T1", "elm", stock.Held, ""), event(tasks.EventRetried, "T1", "", "", "cut")},
			want: "The provider was called 3 times for its upgrade, and gave no final answer: cut; the provider may have carried it out nevertheless. The next attempt is due at 2026-11-22T19:38:00Z. | " +
				"Wait: every upgrade ends. | `keyseatd tasks retry T1` makes it due now.",
		},
		"in use": {
			key:  keys.Key{Status: keys.Success, Used: true, UsedDate: now, Username: "ann", VerifyAddress: "1 High Street"},
			task: ended(tasks.Upgrade, tasks.Success, stock.Spent),
			want: "It is in use, since 2026-11-22T19:37:00Z, as “ann”, at “1 High Street”. | The holder can renew it once the account has lost its place.",
		},
		"in use, its slot was given back": {
			key:     keys.Key{Status: keys.Success, Used: true},
			task:    ended(tasks.Upgrade, tasks.Success, stock.Free),
			history: events{event(tasks.EventReleased, "T0", "oak", stock.Free, ""), event(tasks.EventReleased, "T1", "elm", stock.Free, "by ann")},
			want:    "It is in use; its slot of plan elm was given back at 2026-11-22T18:37:00Z. | The holder can renew it once the account has lost its place.",
		},
		"locked": {
			key:  keys.Key{Status: keys.FailedUpgrade},
			task: ended(tasks.Upgrade, tasks.AccountLocked, stock.Free),
			want: "Its upgrade failed: the account is locked. It can be used again. | The holder can try again in a few hours, or with another account.",
		},
		"suspect": {
			key:     keys.Key{Status: keys.FailedUpgrade},
			task:    ended(tasks.Upgrade, tasks.SystemError, stock.Suspect),
			history: events{event(tasks.EventAccepted, "T1", "elm", stock.Held, ""), event(tasks.EventEnded, "T1", "elm", stock.Suspect, "a time-out")},
			want: "Its upgrade failed: the service failed, or gave no final answer: a time-out. It can be used again. | The holder can try again. | " +
				"A slot of plan elm is suspect: check at the provider whether the holder's account has joined it. " +
				"If it has, run `keyseatd tasks resolve T1 --outcome success`; if not, run `keyseatd tasks resolve T1 --outcome system_error`.",
		},
		"slots of older tasks": {
			key:  keys.Key{Status: keys.Success, Used: true},
			task: ended(tasks.Upgrade, tasks.Success, stock.Spent),
			history: events{
				event(tasks.EventEnded, "T-2", "oak", stock.Spent, ""), event(tasks.EventReleased, "T-2", "oak", stock.Free, ""),
				event(tasks.EventEnded, "T-1", "oak", stock.Spent, ""), event(tasks.EventEnded, "T0", "ash", stock.Suspect, ""),
			},
			want: "It is in use. | The holder can renew it once the account has lost its place. | " +
				"A slot of plan oak is still spent: when that member has left the plan, `keyseatd plans release T-1` frees it. | " +
				"A slot of plan ash is suspect: check at the provider whether the holder's account has joined it. " +
				"If it has, run `keyseatd tasks resolve T0 --outcome success`; if not, run `keyseatd tasks resolve T0 --outcome system_error`.",
		},
		"renewed, slot still spent": {
			key: keys.Key{Status: keys.SuccessRenew}, task: ended(tasks.Renew, tasks.Success, ""),
			history: events{event(tasks.EventEnded, "T0", "elm", stock.Spent, "")},
			want: "It was renewed, and can be upgraded. | The holder can upgrade it. | " +
				"A slot of plan elm is still spent: when that member has left the plan, `keyseatd plans release T0` frees it.",
		},
		"renew failed": {
			key: keys.Key{Status: keys.Failed, Used: true}, task: ended(tasks.Renew, tasks.StillPremium, ""),
			want: "Its renew failed: the account is still premium. It still counts as used. | The holder can renew it once the account has lost its place. | `keyseatd keys reset K` makes it usable, whatever its state.",
		},
		"imported as failed": {
			key:  keys.Key{Status: keys.FailedUpgrade, Message: "Wrong address"},
			want: "Its upgrade failed: “Wrong address”. It can be used again. | The holder can try again.",
		},
		"imported as used": {
			key:  keys.Key{Status: keys.Active, Used: true},
			want: "It was imported as used, so an upgrade is refused until it is renewed. | The holder can renew it. | `keyseatd keys reset K` makes it usable, whatever its state.",
		},
		"reset": {
			key: keys.Key{Status: keys.Active}, history: events{event(tasks.EventReset, "", "", "", "")},
			want: "It was made usable again at 2026-11-22T18:37:00Z, and can be upgraded. | The holder can upgrade it.",
		},
		"many tasks": {
			key:  keys.Key{Status: keys.Active, NextTaskAt: now.Add(45 * time.Minute)},
			want: "It has not been used, and can be upgraded. | The holder can upgrade it. | It had many tasks or failed logins recently. If the limit refuses another one, it is allowed again at 2026-11-22T20:22:00Z at the latest, or after a reset.",
		},
	} {
		c.key.Code, c.key.Version = "K", 1
		got := view.Explain(tasks.Snapshot{At: now, Key: c.key, Task: c.task}, c.history)
		if text := strings.Join(append([]string{got.Now}, got.Next...), " | "); text != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, text, c.want)
		}
	}
}

func TestExplainUnknownKey(t *testing.T) {
	if got := view.Explain(tasks.Snapshot{At: now}, nil); got.Now != "There is no such key." || len(got.Next) != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestExplainNegativeAttempts checks that a number that only a damaged row has does not stop the explanation.
func TestExplainNegativeAttempts(t *testing.T) {
	task := open(func(t *tasks.Task) { t.Attempts = -1 })
	got := view.Explain(tasks.Snapshot{At: now, Key: keys.Key{Code: "K", Version: 1, Status: keys.InQueue}, Task: task}, nil)
	if got.Now == "" {
		t.Error("no explanation")
	}
}

// TestExplainEveryState checks that every key has an explanation without unfilled names. In the console it has the
// same state, as many next steps, and no command.
func TestExplainEveryState(t *testing.T) {
	for _, status := range keys.Statuses() {
		for flags := range 8 {
			key := keys.Key{Code: "K", Version: 1, Status: status, Used: flags&1 > 0, Revoked: flags&2 > 0}
			if flags&4 > 0 {
				key.Invite = "link"
			}
			for _, task := range everyTask() {
				v := tasks.Snapshot{At: now, Key: key, Task: task}
				got, shown := view.Explain(v, nil), view.ExplainInConsole(v, nil)
				all := strings.Join(append(got.Next, got.Now), " ")
				text := strings.Join(shown.Next, " ")
				if shown.Now != got.Now || len(shown.Next) != len(got.Next) || strings.Contains(text, "keyseatd") || strings.ContainsAny(text, "{}\n") {
					t.Errorf("%+v, %+v in the console: %q", key, task, shown)
				}
				if got.Now == "" || len(got.Next) == 0 || strings.ContainsAny(all, "{}\n") || strings.Contains(all, "  ") {
					t.Errorf("%+v, %+v: %q", key, task, got)
				}
			}
		}
	}
}

func everyTask() []*tasks.Task {
	all := []*tasks.Task{nil}
	for _, kind := range tasks.Kinds() {
		for _, o := range tasks.Outcomes(kind) {
			for _, slot := range []stock.State{"", stock.Free, stock.Spent, stock.Suspect} {
				all = append(all, ended(kind, o, slot))
			}
		}
	}
	for flags := range 8 {
		all = append(all, open(func(t *tasks.Task) {
			t.Attempts, t.InDoubt = flags&1*2, flags&2 > 0
			if flags&4 > 0 {
				t.LeasedUntil = now.Add(time.Second)
			}
		}))
	}
	return all
}

func TestEveryFailureHasItsOwnText(t *testing.T) {
	seen := map[string]tasks.Outcome{}
	for kind, status := range map[tasks.Kind]keys.Status{tasks.Upgrade: keys.FailedUpgrade, tasks.Renew: keys.Failed} {
		for _, o := range tasks.Outcomes(kind) {
			if o == tasks.Success {
				continue
			}
			key := keys.Key{Code: "K", Version: 1, Status: status, Used: status == keys.Failed, Message: o.Message(kind)}
			got := view.Explain(tasks.Snapshot{At: now, Key: key, Task: ended(kind, o, stock.Free)}, nil)
			if strings.Contains(got.Now, key.Message) || seen[got.Now] != "" {
				t.Errorf("%s of %s has no text of its own: %s", o, kind, got.Now)
			}
			seen[got.Now] = o
		}
	}
}

// TestShellArguments checks that a command can be pasted into a shell, whatever the code is.
func TestShellArguments(t *testing.T) {
	for code, want := range map[keys.Code]string{
		"0000A-BCDEF":    "0000A-BCDEF",
		"a+b/c%d":        "a+b/c%d",
		"-gone":          "-- -gone",
		"a$(reboot)b":    "'a$(reboot)b'",
		"it's;\"`":       `'it'\''s;"` + "`'",
		"{plan}":         "'{plan}'",
		"-'":             `-- '-'\'''`,
		"https://x?a=1#": "'https://x?a=1#'",
	} {
		got := view.Explain(tasks.Snapshot{At: now, Key: keys.Key{Code: code, Version: 1, Status: keys.Active, Revoked: true}}, nil)
		if got.Next[0] != "`keyseatd keys restore "+want+"` gives it back its earlier state." {
			t.Errorf("%s: %s", code, got.Next[0])
		}
	}
}

// ExampleExplain answers "why is this key not working?".
func ExampleExplain() {
	e := view.Explain(tasks.Snapshot{
		At:   now,
		Key:  keys.Key{Code: "SOLD-1", Version: 2, Status: keys.FailedUpgrade},
		Task: ended(tasks.Upgrade, tasks.OutOfStock, ""),
	}, nil)
	fmt.Println(e.Now)
	for _, next := range e.Next {
		fmt.Println("-", next)
	}
	// Output:
	// Its upgrade failed: there was no free slot in DE. It can be used again.
	// - The holder can try another country.
	// - `keyseatd stock` shows where slots are free, and `keyseatd plans import FILE.csv` adds more.
}
