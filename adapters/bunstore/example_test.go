package bunstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

func ExampleOpen() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "keyseat-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	store, err := bunstore.Open(ctx, "sqlite:"+filepath.Join(folder, "keyseat.db"), bunstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	bought := adminstore.Rows(keys.Key{Code: "SPRING-2026", Status: keys.Active})
	if err := store.ImportKeys(ctx, adminstore.ImportBatch{ID: "order-1", Type: tasks.EventIssued}, bought); err != nil {
		log.Fatal(err)
	}
	views, err := store.Snapshots(ctx, []keys.Code{"SPRING-2026", "unknown"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(views[0].Key.Status, views[0].Key.Exists(), views[1].Key.Exists())
	// Output: active true false
}
