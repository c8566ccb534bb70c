package webhooks_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// everything wants events of all types.
func everything(webhooks.Type) bool { return true }

// read sends all events of a queued delivery and returns a description of each.
func read(m outbox.QueuedDelivery, wants func(webhooks.Type) bool) (all []string) {
	for {
		message, found := webhooks.Next(m, webhooks.KeyName{}, wants)
		m = message.Acked
		if !found {
			return append(all, fmt.Sprintf("%d+%d", m.DeliveredSeq, m.DeliveredEvent))
		}
		for len(m.Entries) > 0 && m.Entries[0].Seq <= m.DeliveredSeq {
			m.Entries = m.Entries[1:] // as in the next read of the outbox
		}
		all = append(all, fmt.Sprintf("%d:%s:%d+%d", message.Seq, message.Event.Type, m.DeliveredSeq, m.DeliveredEvent))
	}
}

func TestNext(t *testing.T) {
	entries := []tasks.HistoryEntry{
		historyEntry(3, tasks.EventAccepted, "", ""), historyEntry(5, tasks.EventPlanFaulty, tasks.PlanFull, "p"), historyEntry(6, tasks.EventClaimed, "", "q"),
		historyEntry(7, tasks.EventEnded, tasks.PlanExpired, "q"), historyEntry(9, tasks.EventRevoked, "", ""), historyEntry(10, tasks.EventReset, "", ""),
	}
	m := outbox.QueuedDelivery{Code: code, DeliveredSeq: 2, LastSeq: 10, Entries: entries}
	only := func(t webhooks.Type) func(webhooks.Type) bool { return func(u webhooks.Type) bool { return t == u } }
	for _, c := range []struct {
		wants func(webhooks.Type) bool
		want  string
	}{
		{everything, "[5:plan.faulted:5+0 7:task.finished:6+1 7:plan.faulted:7+0 9:key.revoked:9+0 10+0]"},
		{only(webhooks.PlanFaulted), "[5:plan.faulted:5+0 7:plan.faulted:7+0 10+0]"},
		{only(webhooks.KeyRevoked), "[9:key.revoked:9+0 10+0]"},
		{only(webhooks.KeyIssued), "[10+0]"},
	} {
		if got := fmt.Sprint(read(m, c.wants)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	m.DeliveredSeq, m.DeliveredEvent, m.Entries = 6, 1, entries[3:]
	if got := fmt.Sprint(read(m, everything)); got != "[7:plan.faulted:7+0 9:key.revoked:9+0 10+0]" {
		t.Errorf("after the first event of an entry: %s", got)
	}
	m.Entries = nil // the entries were archived
	if got := fmt.Sprint(read(m, everything)); got != "[10+0]" {
		t.Errorf("without entries: %s", got)
	}
}

func TestSettle(t *testing.T) {
	r := webhooks.RetryPolicy{Backoff: time.Second, MaxBackoff: 4 * time.Second, MaxRetryAfter: time.Minute, MaxAge: time.Hour}
	m := outbox.QueuedDelivery{Code: code, DeliveredSeq: 4, LastSeq: 9, Since: at, Entries: []tasks.HistoryEntry{historyEntry(5, tasks.EventRevoked, "", "")}}
	message, _ := webhooks.Next(m, webhooks.KeyName{}, everything)
	for _, c := range []struct {
		attempts int
		answer   webhooks.Response
		later    time.Duration
		jitter   float64
		want     string // result, DeliveredSeq, attempts, due
	}{
		{0, webhooks.Response{Status: 200}, 0, 0, "delivered 5 0 0s"},
		{7, webhooks.Response{Status: 204}, 9 * time.Hour, 0, "delivered 5 0 0s"},
		{0, webhooks.Response{Status: 500}, 0, 0, "failed 4 1 1s"},
		{1, webhooks.Response{Status: 302}, 0, 0.5, "failed 4 2 1.5s"},
		{9, webhooks.Response{}, 0, 0, "failed 4 10 4s"},
		{0, webhooks.Response{Status: 429, RetryAfter: 30 * time.Second}, 0, 0.5, "failed 4 1 30s"},
		{0, webhooks.Response{Status: 503, RetryAfter: time.Hour}, 0, 0, "failed 4 1 1m0s"},
		{3, webhooks.Response{Status: 410}, 0, 0, "gone 4 3 0s"},
		{5, webhooks.Response{Status: 500}, time.Hour, 0, "given_up 5 0 0s"},
		{4, webhooks.Response{Status: 500}, 9 * time.Hour, 0, "failed 4 5 4s"}, // too few attempts, because no daemon was running
	} {
		queued := m
		queued.Attempts = c.attempts
		now := at.Add(c.later)
		got, d := r.Settle(queued, message, webhooks.Attempt{Response: c.answer, At: now, Jitter: c.jitter})
		if got := fmt.Sprint(d.Result, " ", got.DeliveredSeq, " ", got.Attempts, " ", got.DueAt.Sub(now)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.answer, got, c.want)
		}
		if d.Attempt != c.attempts+1 || d.Line != 5 || d.Event != message.Event.ID || d.Status != c.answer.Status {
			t.Errorf("%+v: logged %+v", c.answer, d)
		}
	}
}

// TestMaxAgeCountsFromQueueing checks that MaxAge counts from the time at which an event was queued. An
// old event that is sent again gets as many retries as a new one.
func TestMaxAgeCountsFromQueueing(t *testing.T) {
	r := webhooks.DefaultRetryPolicy()
	m := outbox.QueuedDelivery{Code: code, Since: at.Add(1000 * time.Hour), Entries: []tasks.HistoryEntry{historyEntry(5, tasks.EventRevoked, "", "")}}
	message, _ := webhooks.Next(m, webhooks.KeyName{}, everything)
	_, d := r.Settle(m, message, webhooks.Attempt{At: at.Add(1001 * time.Hour)})
	if d.Result != outbox.Failed {
		t.Errorf("got %s", d.Result)
	}
}
