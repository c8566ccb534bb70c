package httpconnector_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

// TestConnectionsAreKept makes more simultaneous attempts than there are workers by default, twice.
func TestConnectionsAreKept(t *testing.T) {
	const askings = 100
	var connections sync.Map
	var come sync.WaitGroup // waits for all requests before the first response
	connector := serve(t, httpconnector.Options{}, func(w http.ResponseWriter, r *http.Request) {
		connections.Store(r.RemoteAddr, true)
		come.Done()
		come.Wait()
		_, _ = fmt.Fprint(w, `{"outcome":"success"}`)
	})
	for range 2 {
		come.Add(askings)
		var all sync.WaitGroup
		for range askings {
			all.Go(func() {
				if got := connector.Do(t.Context(), connectortest.NewRequest(tasks.Renew, "x")); got.Effect != tasks.Settled {
					t.Errorf("got %+v", got)
					come.Done() // otherwise the other requests would wait for this one
				}
			})
		}
		all.Wait()
	}
	n := 0
	connections.Range(func(any, any) bool { n++; return true })
	if n != askings {
		t.Errorf("%d connections for %d askings at once", n, askings)
	}
}
