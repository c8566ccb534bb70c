package webhooks_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

const code keys.Code = "WHOLE-KEY-CANARY"

var at = time.Date(2026, 11, 22, 19, 37, 0, 500_000_000, time.UTC)

// historyEntry returns a history entry about a task.
func historyEntry(seq int64, event tasks.EventType, outcome tasks.Outcome, plan string) tasks.HistoryEntry {
	return tasks.HistoryEntry{Seq: seq, Change: "change", N: int(seq), Event: tasks.Event{
		At: at, Type: event, Code: code, Task: "T", Kind: tasks.Upgrade, Outcome: outcome, Plan: plan,
		From: stock.Held, To: stock.Free, Note: "note-canary",
	}}
}

func TestEvents(t *testing.T) {
	const key = `fp","order_id":"order`
	name := webhooks.KeyName{Fingerprint: "fp", OrderID: "order"}
	const stamp = `"timestamp":"2026-11-22T19:37:00.5Z"`
	for _, c := range []struct {
		entry tasks.HistoryEntry
		want  []string
	}{
		{historyEntry(1, tasks.EventAccepted, "", ""), nil},
		{historyEntry(1, tasks.EventImported, "", ""), nil},
		{historyEntry(1, tasks.EventRetried, "", "p"), nil},
		{historyEntry(1, tasks.EventReset, "", ""), nil},
		{historyEntry(1, tasks.EventIssued, "", ""), []string{`{"type":"key.issued",` + stamp + `,"data":{"key":"` + key + `","batch":"change"}}`}},
		{historyEntry(1, tasks.EventRevoked, "", ""), []string{`{"type":"key.revoked",` + stamp + `,"data":{"key":"` + key + `"}}`}},
		{historyEntry(1, tasks.EventEnded, tasks.WrongAddress, "p"), []string{`{"type":"task.finished",` + stamp + `,"data":{"key":"` + key +
			`","task":"T","kind":"upgrade","outcome":"wrong_address","message":"Wrong address","plan":"p","slot":"free","resolved":false}}`}},
		{historyEntry(1, tasks.EventResolved, tasks.Success, "p"), []string{`{"type":"task.finished",` + stamp + `,"data":{"key":"` + key +
			`","task":"T","kind":"upgrade","outcome":"success","message":"","plan":"p","slot":"free","resolved":true}}`}},
		{historyEntry(1, tasks.EventPlanFaulty, tasks.PlanFull, "p"), []string{`{"type":"plan.faulted",` + stamp + `,"data":{"plan":"p","fault":"full","task":"T"}}`}},
		{historyEntry(1, tasks.EventEnded, tasks.PlanExpired, "p"), []string{
			`{"type":"task.finished",` + stamp + `,"data":{"key":"` + key +
				`","task":"T","kind":"upgrade","outcome":"plan_expired","message":"Family plan is expired","plan":"p","slot":"free","resolved":false}}`,
			`{"type":"plan.faulted",` + stamp + `,"data":{"plan":"p","fault":"expired","task":"T"}}`,
		}},
	} {
		all := webhooks.Events(c.entry, name)
		if len(all) != len(c.want) {
			t.Fatalf("%s: %d events, want %d", c.entry.Type, len(all), len(c.want))
		}
		for i, e := range all {
			body, err := e.Body()
			if err != nil || string(body) != c.want[i] {
				t.Errorf("got  %s (%v)\nwant %s", body, err, c.want[i])
			}
			if strings.Contains(string(body)+e.ID, "CANARY") || strings.Contains(string(body), "canary") {
				t.Errorf("a canary is in %s %s", e.ID, body)
			}
		}
	}
}

// TestEventIDs checks that each event has its own id, and always the same one.
func TestEventIDs(t *testing.T) {
	seen := map[string]bool{}
	other := historyEntry(1, tasks.EventEnded, tasks.PlanFull, "p")
	other.Code = "ANOTHER"
	later := historyEntry(2, tasks.EventEnded, tasks.PlanFull, "p")
	for _, l := range []tasks.HistoryEntry{historyEntry(1, tasks.EventEnded, tasks.PlanFull, "p"), other, later} {
		for _, e := range webhooks.Events(l, webhooks.KeyName{}) {
			if seen[e.ID] {
				t.Errorf("two events have the id %s", e.ID)
			}
			seen[e.ID] = true
		}
	}
	again := historyEntry(1, tasks.EventEnded, tasks.PlanFull, "p")
	again.Seq = 99 // as after a restore from a backup
	if id := webhooks.Events(again, webhooks.KeyName{})[1].ID; !seen[id] || strings.ContainsAny(id, ".") {
		t.Errorf("the id has changed: %s", id)
	}
}

// TestEventTypes checks that exactly the routed types of entries cause events. The entries have the
// data for every event.
func TestEventTypes(t *testing.T) {
	for _, event := range []tasks.EventType{
		tasks.EventIssued, tasks.EventImported, tasks.EventAccepted, tasks.EventRetried, tasks.EventPlanFaulty, tasks.EventClaimed, tasks.EventEnded,
		tasks.EventRetryNow, tasks.EventResolved, tasks.EventReleased, tasks.EventRevoked, tasks.EventRestored, tasks.EventReset,
	} {
		causes := len(webhooks.Events(historyEntry(1, event, tasks.PlanFull, "p"), webhooks.KeyName{})) > 0
		if routed := slices.Contains(webhooks.EventTypes(), event); routed != causes {
			t.Errorf("%s: causes events: %v, is routed: %v", event, causes, routed)
		}
	}
}

// TestExampleEvents checks that there is an example of each type, that each is marked as a test, and that another call has
// other ids.
func TestExampleEvents(t *testing.T) {
	var types []webhooks.Type
	seen := map[string]bool{}
	for _, e := range slices.Concat(webhooks.ExampleEvents("a", at), webhooks.ExampleEvents("b", at)) {
		types = append(types, e.Type)
		seen[e.ID] = true
		body, err := e.Body()
		if err != nil || !strings.Contains(string(body), `"test":true,"data":{"`) {
			t.Errorf("%s (%v)", body, err)
		}
	}
	if n := len(webhooks.Types()); len(seen) != 2*n || !slices.Equal(types[:n], webhooks.Types()) {
		t.Errorf("%d ids, %q", len(seen), types)
	}
}
