package csvfile_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A file is imported as a whole or not at all. An error contains the line of the invalid row.
func Example() {
	ctx, store := context.Background(), memory.New(time.Now)
	for i, file := range []string{
		"code,order_id,address\nAAA,1,\"1 High Street\nLondon\"\nBBB,2,\n",
		"code,address\nCCC,\"1 High Street\nLondon\"\nAAA,\n",
		"code,used\nDDD,perhaps\n",
	} {
		s := csvfile.New(strings.NewReader(file))
		fmt.Println(s.LineOf(store.ImportKeys(ctx, adminstore.ImportBatch{ID: fmt.Sprint("file-", i), Type: tasks.EventImported}, s.Keys())))
	}
	// Output:
	// <nil>
	// line 4: the code exists already
	// line 2: used must be 0, 1, true or false
}
