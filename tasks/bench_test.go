package tasks_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var benchRequest = tasks.Request{
	Kind: tasks.Upgrade, Code: "K", Country: "us",
	Account: tasks.Account{Login: tasks.NewSecret("someone@example.com"), Password: tasks.NewSecret("long enough, 1")},
}

// benchView returns a snapshot of an unused key.
func benchView() tasks.Snapshot {
	return tasks.Snapshot{At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Key: keys.Key{Code: "K", Status: keys.Active, Version: 1}}
}

// BenchmarkAccept measures the decision on a request, without a store.
func BenchmarkAccept(b *testing.B) {
	rules, v := tasks.DefaultRules(), benchView()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rules.Accept(v, benchRequest, "id", false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSettle measures the decision on a successful attempt, without a store.
func BenchmarkSettle(b *testing.B) {
	rules, v := tasks.DefaultRules(), benchView()
	c, err := rules.Accept(v, benchRequest, "id", false)
	if err != nil {
		b.Fatal(err)
	}
	v.Key, v.Task = *c.Key, c.Task
	answer := tasks.Attempt{Sent: v.At, Result: tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success, Username: "someone"}}
	b.ReportAllocs()
	for b.Loop() {
		if c := rules.Settle(v, answer, "other", false); c.Task.Open() {
			b.Fatal("the task goes on")
		}
	}
}
