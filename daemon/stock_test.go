package daemon_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-playground/validator/v10"
	"golang.org/x/text/language"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// TestCountriesMatchISO3166 compares the countries, code by code, with two lists from other sources.
func TestCountriesMatchISO3166(t *testing.T) {
	v := validator.New()
	ours := stock.Countries()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			known := slices.Contains(ours, stock.Country(code))
			if theirs := v.Var(code, "iso3166_1_alpha2") == nil; theirs != known {
				t.Errorf("%s is a country to the validator: %v, here: %v", code, theirs, known)
			}
			region, err := language.ParseRegion(code)
			if known && (err != nil || !region.IsCountry() || region.String() != code) {
				t.Errorf("%s is no country to x/text: %v, %v", code, region, err)
			}
		}
	}
}

func TestEveryCountryHasAName(t *testing.T) {
	for _, c := range stock.Countries() {
		if name := daemon.CountryName(c); name == string(c) || name == "" || strings.Contains(name, "SAR") {
			t.Errorf("%s is called %q", c, name)
		}
	}
}

// A countingStore takes a moment to read its stock, and counts the reads.
type countingStore struct {
	tasks.Store
	reads *atomic.Int64
}

func (c countingStore) Stock(ctx context.Context) ([]stock.Level, error) {
	c.reads.Add(1)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Millisecond): // in the simulated time of package synctest
		return c.Store.Stock(ctx)
	}
}

// countReads returns a fixture with one plan that counts the reads of the stock.
func countReads(t *testing.T) (fixture, *atomic.Int64) {
	f, reads := newFixture(t), new(atomic.Int64)
	f.api.Engine.Store = countingStore{f.store, reads}
	f.addPlan("p", "US", 1)
	return f, reads
}

func (f fixture) shows(slots string) bool {
	return strings.Contains(f.get(url.Values{"stock": {""}}), `"slots":`+slots+`}`)
}

// getConcurrently sends n requests simultaneously.
func (f fixture) getConcurrently(n int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { f.get(url.Values{"stock": {""}}) })
	}
	all.Wait()
}

// TestStockIsReadForEachRequestUnderLowLoad checks that under low load no stock answer is older than its request.
func TestStockIsReadForEachRequestUnderLowLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := countReads(t)
		for _, slots := range []string{"1", "2", "3"} {
			f.addPlan("p", "US", int(slots[0]-'0'))
			if !f.shows(slots) {
				t.Errorf("not %s slots", slots)
			}
			f.getConcurrently(16)
		}
	})
}

// TestConcurrentRequestsShareStock checks that after many simultaneous requests, all requests of a short time share the
// result of one read. Before this result is too old, one request causes another read.
func TestConcurrentRequestsShareStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, reads := countReads(t)
		f.getConcurrently(100)
		before := reads.Load()
		f.addPlan("p", "US", 2)
		if f.getConcurrently(100); !f.shows("1") || reads.Load() != before {
			t.Errorf("%d reads after %d", reads.Load(), before)
		}
		time.Sleep(300 * time.Millisecond)
		if f.getConcurrently(100); !f.shows("2") || reads.Load() != before+1 {
			t.Errorf("renewed with %d reads after %d", reads.Load(), before)
		}
		time.Sleep(500 * time.Millisecond)
		f.addPlan("p", "US", 3)
		if !f.shows("3") {
			t.Error("an answer is too old")
		}
	})
}

// TestDisconnectedClientIsNoError checks that a request whose client has disconnected is neither logged
// nor observed. A timeout is logged as an error.
func TestDisconnectedClientIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := countReads(t)
		var log bytes.Buffer
		f.api.Log = slog.New(slog.NewTextHandler(&log, nil))
		f.api.Observe = func(o daemon.Observation) { t.Errorf("observed: %+v", o) }
		f.send(http.MethodGet, "/API/?stock", "", func(r *http.Request) {
			ctx, leave := context.WithCancel(r.Context())
			leave()
			*r = *r.WithContext(ctx)
		})
		if log.Len() > 0 {
			t.Error(log.String())
		}
		f.api.Observe, f.api.Timeout = nil, time.Microsecond
		if f.send(http.MethodGet, "/API/?stock", ""); !strings.Contains(log.String(), "level=ERROR") {
			t.Error("a timeout is not logged")
		}
	})
}
