package tasks_test

import (
	"context"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// Accept returns a change, which is a value with everything that a store writes for the request.
func ExampleRules_Accept() {
	view := tasks.Snapshot{At: time.Now(), Key: keys.Key{Code: "SOLD-1", Version: 1, Status: keys.Active}}
	request := tasks.Request{
		Kind: tasks.Upgrade, Code: "SOLD-1", Country: "us",
		Account: tasks.Account{Login: tasks.NewSecret("ann"), Password: tasks.NewSecret("hunter2")},
	}
	change, err := tasks.DefaultRules().Accept(view, request, "task-1", false)
	fmt.Println(change.Key.Status, change.Task.ID, "claims a slot in", change.Claim.Country, err)

	view.Key = *change.Key
	view.Task = change.Task
	_, err = tasks.DefaultRules().Accept(view, request, "task-2", false)
	fmt.Println(err)
	fmt.Println(request.Account)
	// Output:
	// in_queue task-1 claims a slot in US <nil>
	// You are processing already an upgrade task, wait until the end, you can check the current status via the key info
	// {[secret] [secret] [secret] [secret]}
}

// The result of an attempt decides how the task, its slot and its key continue.
func ExampleRules_Settle() {
	at, rules := time.Now(), tasks.DefaultRules()
	view := tasks.Snapshot{
		At:  at,
		Key: keys.Key{Code: "SOLD-1", Version: 2, Status: keys.InQueue, Task: "task-1"},
		Task: &tasks.Task{
			ID: "task-1", Code: "SOLD-1", Kind: tasks.Upgrade, Country: "US", Version: 1, Fence: 1,
			Plan: tasks.PlanSnapshot{ID: "elm"}, Ordinal: 1, Slot: stock.Held, CreatedAt: at, DueAt: at,
		},
	}
	silent := tasks.Attempt{Sent: at, Result: tasks.ConnectorResult{Effect: tasks.Unknown, Note: "no answer in time"}}
	again := rules.Settle(view, silent, "change-1", false)
	fmt.Println("open:", again.Task.Open(), "in doubt:", again.Task.InDoubt, "moves a slot:", again.Transfer != nil)

	final := tasks.Attempt{Sent: at, Result: tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.PlanFull}}
	other := rules.Settle(view, final, "change-2", false)
	fmt.Println("open:", other.Task.Open(), "slot of elm:", other.Transfer.To, "not again:", other.Claim.Except)

	final.Result.Outcome = tasks.AccountLocked
	end := rules.Settle(view, final, "change-3", false)
	fmt.Println("open:", end.Task.Open(), "slot of elm:", end.Transfer.To, "key:", end.Key.Status)
	// Output:
	// open: true in doubt: true moves a slot: false
	// open: true slot of elm: free not again: [elm]
	// open: false slot of elm: free key: failed_upgrade
}

// always is a connector that reports success for every task.
type always struct{}

func (always) Do(_ context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success, Username: "user of " + o.Plan.ID}
}

// plain is a Sealer that does not encrypt. It is only for examples.
type plain struct{}

func (plain) Seal(text, _ []byte) ([]byte, error)   { return text, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// An Engine accepts requests, and carries out the accepted tasks.
func ExampleEngine() {
	ctx, store, ids := context.Background(), memory.New(time.Now), 0
	engine := tasks.Engine{
		Store: store, Connector: always{}, Sealer: plain{}, Rules: tasks.DefaultRules(),
		NewID:  func() string { ids++; return fmt.Sprint(ids) },
		Now:    time.Now,
		Jitter: func() float64 { return 0 },
		Pause:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	_ = store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("elm", "US", 6)})
	_ = store.ImportKeys(ctx, adminstore.ImportBatch{ID: "order-1", Type: tasks.EventIssued}, adminstore.Rows(keys.Key{Code: "SOLD-1", Status: keys.Active}))

	err := engine.Accept(ctx, tasks.Request{
		Kind: tasks.Upgrade, Code: "SOLD-1", Country: "us",
		Account: tasks.Account{Login: tasks.NewSecret("ann"), Password: tasks.NewSecret("hunter2")},
	})
	fmt.Println(tasks.Upgrade.Accepted(), err)

	jobs, _ := engine.Lease(ctx, "worker", 10, time.Minute)
	for _, job := range jobs {
		fmt.Println(engine.Work(ctx, ctx, job).Task.Outcome)
	}
	key, _ := engine.Info(ctx, "SOLD-1")
	fmt.Println(key.Status, key.Username)
	// Output:
	// Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info <nil>
	// success
	// success user of elm
}
