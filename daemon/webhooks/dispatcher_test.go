package webhooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// A receiver records the events that it has accepted. A test sets its responses.
type receiver struct {
	*testing.T
	*httptest.Server

	mu        sync.Mutex
	accepted  []string // the type of each event that was answered with 200
	attempted int
	respond   func(kind string, data map[string]any) int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{T: t}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// respondWith sets the responses from now on.
func (r *receiver) respondWith(respond func(kind string, data map[string]any) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.respond = respond
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	hook, failed := standard.NewWebhook(secret)
	if err == nil && failed == nil {
		err = hook.Verify(body, request.Header)
	}
	var e struct {
		Type string
		Data map[string]any
	}
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil || failed != nil {
		r.Error(err, failed)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempted++
	status := http.StatusOK
	if r.respond != nil {
		status = r.respond(e.Type, e.Data)
	}
	if status == http.StatusOK {
		about, _ := e.Data["key"].(string)
		country, _ := e.Data["country"].(string)
		r.accepted = append(r.accepted, e.Type+" "+about+country)
	}
	w.WriteHeader(status)
}

func (r *receiver) acceptedEvents() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.accepted)
}

func (r *receiver) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempted
}

// A fixture is a store, dispatchers and a receiver.
type fixture struct {
	*receiver
	store  *memory.Store
	engine tasks.Engine
	low    map[stock.Country]int
	rules  webhooks.RetryPolicy
	polls  atomic.Int64
	deaf   atomic.Bool // the endpoint wants no event
	log    *slog.Logger
	outbox outbox.Outbox // of the dispatchers
}

func newFixture(t *testing.T) *fixture {
	store := memory.New(time.Now)
	rules := webhooks.DefaultRetryPolicy()
	rules.Backoff, rules.MaxBackoff = time.Millisecond, 10*time.Millisecond
	return &fixture{receiver: newReceiver(t), store: store, outbox: store, engine: daemon.NewEngine(store, nil, nil, tasks.DefaultRules()), rules: rules, log: slog.New(slog.DiscardHandler)}
}

// stock returns the stock and counts its calls.
func (f *fixture) stock(ctx context.Context) ([]stock.Level, error) {
	f.polls.Add(1)
	return f.engine.Stock(ctx)
}

// run starts a dispatcher. It ends when stop is called, or at the end of the test.
func (f *fixture) run() (stop func()) {
	f.Helper()
	d := webhooks.New(f.outbox, func() ([]webhooks.Endpoint, error) {
		e := endpoint(f.URL)
		e.Low = f.low
		if f.deaf.Load() {
			e.Types = nil
		}
		return []webhooks.Endpoint{e}, nil
	}, webhooks.Client(webhooks.Policy{Private: true}))
	d.Retry, d.Poll, d.StockPoll, d.Stock = f.rules, 5*time.Millisecond, 5*time.Millisecond, f.stock
	d.Key, d.Fingerprints, d.Log = f.engine.Info, fingerprints, f.log
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.Run(ctx, 10*time.Second)
		d.Client.CloseIdleConnections()
	}()
	stop = func() {
		cancel()
		<-ended
	}
	f.Cleanup(stop)
	f.until("subscribed", func() bool { return len(f.subscribers()) == 1 })
	return stop
}

// A brokenOutbox is an outbox whose first call of each method would never return if its context had no deadline, as on
// a connection that transmits nothing any more.
type brokenOutbox struct {
	outbox.Outbox
	t      *testing.T
	mu     sync.Mutex
	called map[string]bool
}

func (o *brokenOutbox) call(ctx context.Context, method string) error {
	_, has := ctx.Deadline()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !has {
		o.t.Errorf("%s has no deadline", method)
	}
	if o.called[method] {
		return nil
	}
	o.called[method] = true
	return context.DeadlineExceeded
}

func (o *brokenOutbox) Subscribe(ctx context.Context, names []string, ttl time.Duration) error {
	if err := o.call(ctx, "Subscribe"); err != nil {
		return err
	}
	return o.Outbox.Subscribe(ctx, names, ttl)
}

func (o *brokenOutbox) Route(ctx context.Context, types []tasks.EventType, limit int) (int, error) {
	if err := o.call(ctx, "Route"); err != nil {
		return 0, err
	}
	return o.Outbox.Route(ctx, types, limit)
}

func (o *brokenOutbox) LeaseDeliveries(ctx context.Context, subscriber, worker string, n int, ttl time.Duration) ([]outbox.QueuedDelivery, error) {
	if err := o.call(ctx, "LeaseDeliveries"); err != nil {
		return nil, err
	}
	return o.Outbox.LeaseDeliveries(ctx, subscriber, worker, n, ttl)
}

func (o *brokenOutbox) CompleteDelivery(ctx context.Context, q outbox.QueuedDelivery, entry *outbox.Delivery) error {
	if err := o.call(ctx, "CompleteDelivery"); err != nil {
		return err
	}
	return o.Outbox.CompleteDelivery(ctx, q, entry)
}

func (o *brokenOutbox) SetLowStock(ctx context.Context, subscriber string, countries []stock.Country, since int64) error {
	if err := o.call(ctx, "SetLowStock"); err != nil {
		return err
	}
	return o.Outbox.SetLowStock(ctx, subscriber, countries, since)
}

// TestCallsOfOutboxEnd checks that each call of the outbox has a deadline, and that deliveries go on after it.
func TestCallsOfOutboxEnd(t *testing.T) {
	f := newFixture(t)
	f.outbox = &brokenOutbox{Outbox: f.store, t: t, called: map[string]bool{}}
	f.low = map[stock.Country]int{"US": 1}
	f.must(f.store.EditPlans(t.Context(), []stock.PlanEdit{stock.NewPlanEdit("p", "US", 1)}))
	f.run()
	f.issue("K")
	f.until("delivered", func() bool { return len(f.acceptedEvents()) >= 2 })
}

func (f *fixture) subscribers() []outbox.Subscriber {
	f.Helper()
	all, err := f.store.Subscribers(f.Context())
	f.must(err)
	return all
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) until(what string, holds func() bool) {
	f.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("not in time: %s; accepted: %v", what, f.acceptedEvents())
		}
	}
}

func (f *fixture) issue(codes ...keys.Code) {
	f.Helper()
	f.must(f.store.ImportKeys(f.Context(), adminstore.ImportBatch{ID: f.engine.NewID(), Type: tasks.EventIssued}, func(yield func(keys.Key, error) bool) {
		for _, code := range codes {
			if !yield(keys.Key{Code: code, Status: keys.Active, OrderID: "order-" + string(code)}, nil) {
				return
			}
		}
	}))
}

// update makes an operator's change of a key.
func (f *fixture) update(code keys.Code, decide func(tasks.Snapshot, string) (tasks.Change, error)) {
	f.Helper()
	read := func(ctx context.Context) (tasks.Snapshot, error) { return f.engine.Snapshot(ctx, code) }
	f.must(f.engine.Update(f.Context(), read, decide))
}

// wantEvents waits until the receiver has accepted exactly these events, in this order.
func (f *fixture) wantEvents(want ...string) {
	f.Helper()
	f.until(fmt.Sprint(want), func() bool { return len(f.acceptedEvents()) >= len(want) })
	if got := f.acceptedEvents(); !slices.Equal(got, want) {
		f.Errorf("accepted\n%v\nnot\n%v", got, want)
	}
}

// fingerprints makes the fingerprints of all dispatchers.
var fingerprints = keys.FingerprintKey{1}

func issuedKey(code keys.Code) string { return "key.issued " + fingerprints.Fingerprint(code) }

func revokedKey(code keys.Code) string {
	return "key.revoked " + fingerprints.Fingerprint(code)
}

// TestEventsArriveInOrderAfterFailures lets the events of one key fail for a while and those of another
// key succeed.
func TestEventsArriveInOrderAfterFailures(t *testing.T) {
	f := newFixture(t)
	f.issue("BEFORE")
	f.run()
	f.respondWith(func(string, map[string]any) int { return http.StatusBadGateway })
	f.issue("A")
	f.update("A", tasks.Revoke)
	f.until("some attempts", func() bool { return f.attempts() >= 3 })
	f.respondWith(func(_ string, data map[string]any) int {
		if data["key"] == fingerprints.Fingerprint("A") {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	f.update("BEFORE", tasks.Revoke)
	f.wantEvents(revokedKey("BEFORE"))
	f.respondWith(nil)
	f.wantEvents(revokedKey("BEFORE"), issuedKey("A"), revokedKey("A"))
}

// TestDispatchersKeepTheOrder lets four dispatchers send the events of many keys to a receiver that
// sometimes fails.
func TestDispatchersKeepTheOrder(t *testing.T) {
	const rounds = 10
	f := newFixture(t)
	n := 0
	f.respondWith(func(string, map[string]any) int {
		if n++; n%5 == 0 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	for range 4 {
		f.run()
	}
	codes := []keys.Code{"A", "B", "C", "D", "E", "F"}
	f.issue(codes...)
	for range rounds {
		for _, code := range codes {
			f.update(code, tasks.Revoke)
			f.update(code, tasks.Restore)
		}
	}
	f.until("all", func() bool { return len(f.acceptedEvents()) == len(codes)*(rounds+1) })
	for _, code := range codes {
		i := slices.Index(f.acceptedEvents(), revokedKey(code))
		if j := slices.Index(f.acceptedEvents(), issuedKey(code)); j > i {
			t.Errorf("%s was revoked before it was issued", code)
		}
	}
}

func TestGoneEndpointIsDisabled(t *testing.T) {
	f := newFixture(t)
	stop := f.run()
	f.respondWith(func(string, map[string]any) int { return http.StatusGone })
	f.issue("A")
	f.until("gone", func() bool { return !f.subscribers()[0].Disabled.IsZero() })
	f.issue("B")
	f.until("routed", func() bool { return f.subscribers()[0].Waiting == 2 })
	stop()
	f.run()
	f.respondWith(nil)
	if n := f.attempts(); n != 1 {
		t.Errorf("called %d times", n)
	}
	f.must(f.store.Resume(f.Context(), "L"))
	f.until("all", func() bool { return len(f.acceptedEvents()) == 2 })
}

func TestEventIsGivenUp(t *testing.T) {
	f := newFixture(t)
	f.rules.MaxAge = 20 * time.Millisecond
	f.run()
	f.respondWith(func(kind string, _ map[string]any) int {
		if kind == string(webhooks.KeyIssued) {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	f.issue("A")
	f.update("A", tasks.Revoke)
	f.wantEvents(revokedKey("A"))
	var logged []outbox.Delivery
	f.until("the delivery is logged", func() bool {
		var err error
		logged, err = f.store.Deliveries(t.Context(), "L", "", 0, 2)
		f.must(err)
		return logged[0].Result == outbox.Delivered
	})
	if logged[1].Result != outbox.GivenUp || logged[1].Status != http.StatusBadRequest {
		t.Errorf("logged %+v", logged)
	}
}

func TestStockLow(t *testing.T) {
	f := newFixture(t)
	size := func(country stock.Country, n int) {
		t.Helper()
		f.must(f.store.EditPlans(t.Context(), []stock.PlanEdit{{ID: "plan-" + string(country), Country: &country, Size: &n}}))
	}
	f.low = map[stock.Country]int{"US": 2, "FR": 0}
	size("US", 3)
	size("DE", 0)
	f.run()
	f.wantEvents("stock.low FR") // the country has no plan
	size("US", 2)
	f.wantEvents("stock.low FR", "stock.low US")
	size("US", 1)
	size("US", 5)
	before := f.polls.Load() // when a second further poll begins, the first one has ended
	f.until("forgotten", func() bool { return f.polls.Load() > before+1 })
	size("US", 0)
	f.wantEvents("stock.low FR", "stock.low US", "stock.low US")
}

// TestStockLowEndsWithItsSubscription checks that no delivery waits for an endpoint that does not want it any more. If the
// endpoint wants it again, it gets an event for each country that is low then.
func TestStockLowEndsWithItsSubscription(t *testing.T) {
	f := newFixture(t)
	f.low = map[stock.Country]int{"FR": 0} // the country has no plan
	f.respondWith(func(string, map[string]any) int { return http.StatusBadGateway })
	f.run()
	f.until("an attempt", func() bool { return f.attempts() > 0 })
	f.deaf.Store(true)
	f.until("nothing waits", func() bool { return f.subscribers()[0].Waiting == 0 })
	f.respondWith(nil)
	f.deaf.Store(false)
	f.wantEvents("stock.low FR")
}

// TestShutdownStoresResultOfCall checks that the result of a call in progress is written when the daemon
// stops.
func TestShutdownStoresResultOfCall(t *testing.T) {
	f := newFixture(t)
	stop := f.run()
	called, answer := make(chan struct{}), make(chan struct{})
	f.respondWith(func(string, map[string]any) int {
		close(called)
		<-answer
		return http.StatusOK
	})
	f.issue("A")
	<-called
	go func() {
		time.Sleep(20 * time.Millisecond)
		close(answer)
	}()
	stop()
	f.wantEvents(issuedKey("A"))
	if n := f.subscribers()[0].Waiting; n != 0 {
		t.Errorf("%d deliveries wait", n)
	}
}

// TestStopLogsCounts checks that the failures that were only counted are logged when the daemon stops.
func TestStopLogsCounts(t *testing.T) {
	f := newFixture(t)
	var log bytes.Buffer
	f.log = slog.New(slog.NewTextHandler(&log, nil))
	f.respondWith(func(string, map[string]any) int { return http.StatusBadGateway })
	stop := f.run()
	f.issue("A")
	f.until("some attempts", func() bool { return f.attempts() >= 3 })
	stop()
	if want := fmt.Sprintf("repeated=%d\n", f.attempts()-1); !strings.HasSuffix(log.String(), want) {
		t.Errorf("logged %s, want %s", &log, want)
	}
}

// TestIdleDispatcherPollsRarely counts the polls of an idle dispatcher, and its polls after a Wake.
func TestIdleDispatcherPollsRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var polls atomic.Int64
		d := webhooks.New(memory.New(time.Now), func() ([]webhooks.Endpoint, error) { polls.Add(1); return []webhooks.Endpoint{{Name: "L"}}, nil }, nil)
		go d.Run(t.Context(), time.Second)
		time.Sleep(4 * time.Minute)
		if n := polls.Load(); n < 60 || n > 80 {
			t.Errorf("%d polls in four minutes", n)
		}
		polls.Store(0)
		d.Wake()
		time.Sleep(1100 * time.Millisecond)
		if n := polls.Load(); n != 2 {
			t.Errorf("%d polls in the second after it was woken", n)
		}
	})
}

// TestEventsHaveOrderID checks that a shop can map an event of a key to its order.
func TestEventsHaveOrderID(t *testing.T) {
	f := newFixture(t)
	orders := make(chan any, 10)
	f.respondWith(func(_ string, data map[string]any) int {
		orders <- data["order_id"]
		return http.StatusOK
	})
	f.run()
	f.issue("A")
	f.update("A", tasks.Revoke)
	for range 2 {
		if order := <-orders; order != "order-A" {
			t.Errorf("the order is %v", order)
		}
	}
}
