package bunstore_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// someKeys yields n unused keys: prefix00000, prefix00001, …
func someKeys(prefix string, n int) func(func(keys.Key, error) bool) {
	return func(yield func(keys.Key, error) bool) {
		for i := range n {
			if !yield(keys.Key{Code: code(prefix, i), Status: keys.Active}, nil) {
				return
			}
		}
	}
}

func code(prefix string, i int) keys.Code { return keys.Code(fmt.Sprintf("%s%05d", prefix, i)) }

// fill imports n keys, and a plan in the US with n slots.
func fill(t testing.TB, s adminstore.AdminStore, n int) {
	t.Helper()
	country := stock.Country("US")
	if err := s.ImportKeys(t.Context(), imported(), someKeys("K", n)); err != nil {
		t.Fatal(err)
	}
	if err := s.EditPlans(t.Context(), []stock.PlanEdit{{ID: "p", Country: &country, Size: &n}}); err != nil {
		t.Fatal(err)
	}
}

var minted atomic.Int64

func id() string { return fmt.Sprint("id", minted.Add(1)) }

// imported returns a new batch.
func imported() adminstore.ImportBatch {
	return adminstore.ImportBatch{ID: id(), Type: tasks.EventImported}
}

// upgrades returns changes that accept an upgrade of each of the first n keys.
func upgrades(t testing.TB, s tasks.Store, n int) []tasks.Change {
	t.Helper()
	codes := make([]keys.Code, n)
	for i := range codes {
		codes[i] = code("K", i)
	}
	views, err := s.Snapshots(t.Context(), codes)
	if err != nil {
		t.Fatal(err)
	}
	changes := make([]tasks.Change, n)
	for i, v := range views {
		changes[i] = upgrade(t, v)
	}
	return changes
}

func upgrade(t testing.TB, v tasks.Snapshot) tasks.Change {
	t.Helper()
	c, err := tasks.DefaultRules().Accept(v, tasks.Request{
		Kind: tasks.Upgrade, Code: v.Key.Code, Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret("a"), Password: tasks.NewSecret("b")},
	}, id(), false)
	if err != nil {
		t.Fatal(err)
	}
	c.Task.Sealed = []byte("sealed " + c.ID)
	return c
}

// success returns a change that ends a leased task with success.
func success(v tasks.Snapshot) tasks.Change {
	return tasks.DefaultRules().Settle(v, tasks.Attempt{
		Sent: v.At, Result: tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success},
	}, id(), false)
}

// apply applies changes, which must all succeed.
func apply(t testing.TB, s tasks.Store, changes ...tasks.Change) {
	t.Helper()
	errs, err := s.Apply(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
