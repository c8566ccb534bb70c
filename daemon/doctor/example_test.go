package doctor_test

import (
	"context"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A key in the queue without an open task would wait forever.
func ExampleDoctor() {
	ctx, store := context.Background(), memory.New(time.Now)
	stuck := keys.Key{Code: "STUCK", Status: keys.InQueue}
	batch := adminstore.ImportBatch{ID: "1", Type: tasks.EventImported}
	if err := store.ImportKeys(ctx, batch, adminstore.Rows(stuck)); err != nil {
		fmt.Println(err)
	}
	engine := daemon.NewEngine(store, nil, nil, tasks.Rules{})
	doc := doctor.Doctor{Store: store, Stale: 10 * time.Minute, NewID: engine.NewID}
	for f, err := range doc.Examine(ctx) {
		fmt.Println(f.Code, f.Key, f.Found, err)
	}
	for f, err := range doc.Repair(ctx) {
		fmt.Println(f.Done, err)
	}
	key, err := engine.Info(ctx, "STUCK")
	fmt.Println(key.Status, err)
	// Output:
	// queue_empty STUCK the key is in the queue, but no task of it is open <nil>
	// queue_empty: the key is in the queue, but no task of it is open; the key follows its own latest task <nil>
	// failed_upgrade <nil>
}
