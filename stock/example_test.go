package stock_test

import (
	"fmt"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A store loads the plans that a batch needs, applies the batch with an Allocator, and writes the changed
// plans.
func Example() {
	allocator := stock.NewAllocator(time.Now(), []stock.Plan{
		{ID: "elm", Seq: 1, Country: "US", Size: 2, Spent: 1},
		{ID: "oak", Seq: 2, Country: "US", Size: 6},
	})
	for range 2 {
		plan, err := allocator.Apply(nil, &stock.Claim{Country: "US"})
		fmt.Println("claimed:", plan.ID, plan.Free(), "left", err)
	}
	// The provider reports that the first plan is full: its slot is freed, and a slot of another plan is claimed.
	plan, err := allocator.Apply(
		&stock.Transfer{Plan: "elm", Country: "US", From: stock.Held, To: stock.Free, Fault: stock.Full},
		&stock.Claim{Country: "US", Except: []string{"elm"}},
	)
	fmt.Println("claimed:", plan.ID, plan.Free(), "left", err)
	for _, p := range allocator.Changed() {
		fmt.Printf("%s: held %d, spent %d, fault %q\n", p.ID, p.Held, p.Spent, p.Fault)
	}
	// Output:
	// claimed: elm 0 left <nil>
	// claimed: oak 5 left <nil>
	// claimed: oak 4 left <nil>
	// elm: held 0, spent 1, fault "full"
	// oak: held 2, spent 0, fault ""
}
