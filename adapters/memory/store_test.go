package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

func open(testing.TB) storetest.Store { return memory.New(storetest.Clock()) }

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestOutbox(t *testing.T) {
	storetest.RunOutbox(t, func(t testing.TB) storetest.OutboxStore { return open(t).(storetest.OutboxStore) })
}

func TestArchive(t *testing.T) {
	storetest.RunArchive(t, func(t testing.TB) storetest.ArchiveStore { return open(t).(storetest.ArchiveStore) })
}

func TestStats(t *testing.T) {
	storetest.RunStats(t, func(t testing.TB) storetest.StatsStore { return open(t).(storetest.StatsStore) })
}

func TestLogins(t *testing.T) {
	storetest.RunLogins(t, func(testing.TB) tasks.LoginCounter { return memory.New(time.Now) })
}

func TestActivity(t *testing.T) {
	storetest.RunActivity(t, func(testing.TB) activity.Store { return memory.New(storetest.Clock()) })
}

// TestCompare compares two stores in memory. Their results differ only if the comparison itself is wrong.
func TestCompare(t *testing.T) { storetest.Compare(t, open, open) }

// This example adds a plan and a key, and reads both.
func Example() {
	ctx, store := context.Background(), memory.New(time.Now)
	err := store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("elm", "US", 6)})
	fmt.Println(err)

	order := adminstore.ImportBatch{ID: "order-1", Type: tasks.EventIssued}
	key := keys.Key{Code: "SOLD-1", Status: keys.Active}
	err = store.ImportKeys(ctx, order, adminstore.Rows(key))
	fmt.Println(err)

	snapshots, err := store.Snapshots(ctx, []keys.Code{"SOLD-1", "SOLD-2"})
	fmt.Println(snapshots[0].Key.Status, snapshots[1].Key.Exists(), err)
	levels, err := store.Stock(ctx)
	fmt.Println(levels[0].Country, levels[0].Free, err)
	// Output:
	// <nil>
	// <nil>
	// active false <nil>
	// US 6 <nil>
}
