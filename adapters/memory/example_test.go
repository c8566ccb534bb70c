package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A test adds a plan and a key, and reads both.
func Example() {
	ctx, store := context.Background(), memory.New(time.Now)
	err := store.EditPlans(ctx, []stock.PlanEdit{{ID: "elm", Country: new(stock.Country("US")), Size: new(6)}})
	fmt.Println(err)

	order := tasks.ImportBatch{ID: "order-1", Type: tasks.EventIssued}
	key := keys.Key{Code: "SOLD-1", Status: keys.Active}
	err = store.ImportKeys(ctx, order, func(yield func(keys.Key, error) bool) { yield(key, nil) })
	fmt.Println(err)

	views, err := store.Snapshots(ctx, []keys.Code{"SOLD-1", "SOLD-2"})
	fmt.Println(views[0].Key.Status, views[1].Key.Exists(), err)
	levels, err := store.Stock(ctx)
	fmt.Println(levels[0].Country, levels[0].Free, err)
	// Output:
	// <nil>
	// <nil>
	// active false <nil>
	// US 6 <nil>
}
