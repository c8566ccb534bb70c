package view_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A key whose upgrade waits for the provider, as the admin API and the command line show it.
func Example() {
	at := time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)
	v := tasks.Snapshot{
		At:  at,
		Key: keys.Key{Code: "SOLD-1", Version: 2, Status: keys.InQueue, OrderID: "4711", Task: "T1"},
		Task: &tasks.Task{
			ID: "T1", Code: "SOLD-1", Kind: tasks.Upgrade, Country: "US", Plan: tasks.PlanSnapshot{ID: "elm"},
			Slot: stock.Held, Attempts: 1, CreatedAt: at, DueAt: at.Add(time.Minute),
		},
	}
	text, err := json.MarshalIndent(view.NewKey(v), "", "  ")
	fmt.Println(string(text), err)
	// Output:
	// {
	//   "code": "SOLD-1",
	//   "status": "in_queue",
	//   "used": false,
	//   "revoked": false,
	//   "message": "",
	//   "order_id": "4711",
	//   "purchase_date": null,
	//   "used_date": null,
	//   "invite": "",
	//   "address": "",
	//   "username": "",
	//   "verify_address": "",
	//   "task": {
	//     "id": "T1",
	//     "code": "SOLD-1",
	//     "kind": "upgrade",
	//     "country": "US",
	//     "state": "open",
	//     "outcome": "",
	//     "plan": "elm",
	//     "slot": "held",
	//     "asked": 1,
	//     "in_doubt": false,
	//     "created": "2026-11-22T19:37:00Z",
	//     "due": "2026-11-22T19:38:00Z",
	//     "leased_until": null,
	//     "ended": null
	//   }
	// } <nil>
}
