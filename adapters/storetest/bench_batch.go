package storetest

import (
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// upgrades returns the changes that accept an upgrade of each key of the next batch.
func (n *bench) upgrades() []tasks.Change {
	n.Helper()
	views, err := n.Snapshots(n.ctx, n.batch())
	n.must(err)
	changes := make([]tasks.Change, len(views))
	for i, v := range views {
		c, err := n.rules.Accept(v, tasks.Request{
			Kind: tasks.Upgrade, Code: v.Key.Code, Country: "US",
			Account: tasks.Account{Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("long enough, 1")},
		}, id(), false)
		n.must(err)
		c.Task.Sealed = []byte("\x00sealed " + c.Task.ID)
		changes[i] = c
	}
	return changes
}

// leased leases a batch of tasks.
func (n *bench) leased() []tasks.Snapshot {
	n.Helper()
	views, err := n.Lease(n.ctx, "worker", n.size, time.Hour)
	n.must(err)
	if len(views) != n.size {
		n.Fatalf("leased %d tasks, want %d", len(views), n.size)
	}
	return views
}

// ends returns the changes that end tasks with an outcome after which their keys can be used again.
func (n *bench) ends(views []tasks.Snapshot) []tasks.Change {
	changes := make([]tasks.Change, len(views))
	for i, v := range views {
		changes[i] = n.settle(v, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.WrongAddress}, false)
	}
	return changes
}

// all applies changes, and fails if one of them is not made.
func (n *bench) all(changes []tasks.Change) {
	n.Helper()
	errs, err := n.Apply(n.ctx, changes)
	n.must(err)
	for _, err := range errs {
		n.must(err)
	}
}
