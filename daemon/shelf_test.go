package daemon_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A counting store takes a moment to read its stock, and counts the reads.
type counting struct {
	tasks.Store
	reads *atomic.Int64
}

func (c counting) Stock(ctx context.Context) ([]stock.Level, error) {
	c.reads.Add(1)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Millisecond): // of a synctest bubble
		return c.Store.Stock(ctx)
	}
}

// countReads returns a shop with one plan that counts the reads of the stock.
func countReads(t *testing.T) (shop, *atomic.Int64) {
	s, reads := open(t), new(atomic.Int64)
	s.api.Engine.Store = counting{s.store, reads}
	s.plan("p", "US", 1)
	return s, reads
}

func (s shop) shows(slots string) bool {
	return strings.Contains(s.get(url.Values{"stock": {""}}), `"slots":`+slots+`}`)
}

// rush sends n requests simultaneously.
func (s shop) rush(n int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { s.get(url.Values{"stock": {""}}) })
	}
	all.Wait()
}

// TestAFewAreToldWhatIsTrue checks that under low load no stock answer is older than its request.
func TestAFewAreToldWhatIsTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := countReads(t)
		for _, slots := range []string{"1", "2", "3"} {
			s.plan("p", "US", int(slots[0]-'0'))
			if !s.shows(slots) {
				t.Errorf("not %s slots", slots)
			}
			s.rush(16)
		}
	})
}

// TestACrowdSharesTheStock checks that after many simultaneous requests one read serves all for a
// short time. Before its result is too old, one request reads the next.
func TestACrowdSharesTheStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, reads := countReads(t)
		s.rush(100)
		before := reads.Load()
		s.plan("p", "US", 2)
		if s.rush(100); !s.shows("1") || reads.Load() != before {
			t.Errorf("%d readings after %d", reads.Load(), before)
		}
		time.Sleep(300 * time.Millisecond)
		if s.rush(100); !s.shows("2") || reads.Load() != before+1 {
			t.Errorf("renewed with %d readings after %d", reads.Load(), before)
		}
		time.Sleep(500 * time.Millisecond)
		s.plan("p", "US", 3)
		if !s.shows("3") {
			t.Error("an answer is too old")
		}
	})
}

// TestWhoHasLeftIsNoProblem checks that a request whose client has disconnected is neither logged
// nor observed. A timeout is logged as an error.
func TestWhoHasLeftIsNoProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := countReads(t)
		var log bytes.Buffer
		s.api.Log = slog.New(slog.NewTextHandler(&log, nil))
		s.api.Observe = func(o daemon.Observation) { t.Errorf("counted: %+v", o) }
		s.ask(http.MethodGet, "/API/?stock", "", func(r *http.Request) {
			ctx, leave := context.WithCancel(r.Context())
			leave()
			*r = *r.WithContext(ctx)
		})
		if log.Len() > 0 {
			t.Error(log.String())
		}
		s.api.Observe, s.api.Timeout = nil, time.Microsecond
		if s.ask(http.MethodGet, "/API/?stock", ""); !strings.Contains(log.String(), "level=ERROR") {
			t.Error("what took too long is not told")
		}
	})
}
