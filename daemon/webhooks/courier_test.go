package webhooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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

// A receiver records the events that it has accepted. A test sets its answers.
type receiver struct {
	*testing.T
	*httptest.Server

	mu    sync.Mutex
	took  []string // the type of each event that was answered with 200
	tried int
	says  func(kind string, data map[string]any) int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{T: t}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// say sets the answers from now on.
func (r *receiver) say(says func(kind string, data map[string]any) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.says = says
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
	r.tried++
	status := http.StatusOK
	if r.says != nil {
		status = r.says(e.Type, e.Data)
	}
	if status == http.StatusOK {
		about, _ := e.Data["key"].(string)
		country, _ := e.Data["country"].(string)
		r.took = append(r.took, e.Type+" "+about+country)
	}
	w.WriteHeader(status)
}

func (r *receiver) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.took)
}

func (r *receiver) tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried
}

// A fixture is a store, dispatchers and a receiver.
type fixture struct {
	*receiver
	store *memory.Store
	desk  tasks.Engine
	low   map[stock.Country]int
	rules webhooks.RetryPolicy
	looks atomic.Int64
}

func newFixture(t *testing.T) *fixture {
	store := memory.New(time.Now)
	rules := webhooks.DefaultRules()
	rules.Backoff, rules.MaxBackoff = time.Millisecond, 10*time.Millisecond
	return &fixture{receiver: newReceiver(t), store: store, desk: daemon.NewEngine(store, nil, nil, tasks.DefaultRules()), rules: rules}
}

// stock returns the stock and counts its calls.
func (f *fixture) stock(ctx context.Context) ([]stock.Level, error) {
	f.looks.Add(1)
	return f.desk.Stock(ctx)
}

// run starts a dispatcher. It ends when stop is called, or at the end of the test.
func (f *fixture) run() (stop func()) {
	f.Helper()
	c := webhooks.New(f.store, func() ([]webhooks.Endpoint, error) {
		e := endpoint(f.URL)
		e.Low = f.low
		return []webhooks.Endpoint{e}, nil
	}, webhooks.Client(webhooks.Policy{Private: true}))
	c.Rules, c.Poll, c.StockPoll, c.Stock = f.rules, 5*time.Millisecond, 5*time.Millisecond, f.stock
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, 10*time.Second)
		c.Client.CloseIdleConnections()
	}()
	stop = func() {
		cancel()
		<-ended
	}
	f.Cleanup(stop)
	f.until("enlisted", func() bool { return len(f.listeners()) == 1 })
	return stop
}

func (f *fixture) listeners() []outbox.Subscriber {
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
			f.Fatalf("waited in vain: %s; taken: %v", what, f.taken())
		}
	}
}

func (f *fixture) issue(codes ...keys.Code) {
	f.Helper()
	f.must(f.store.ImportKeys(f.Context(), adminstore.ImportBatch{ID: f.desk.NewID(), Type: tasks.EventIssued}, func(yield func(keys.Key, error) bool) {
		for _, code := range codes {
			if !yield(keys.Key{Code: code, Status: keys.Active}, nil) {
				return
			}
		}
	}))
}

// steer makes an operator's change of a key.
func (f *fixture) steer(code keys.Code, decide func(tasks.Snapshot, string) (tasks.Change, error)) {
	f.Helper()
	read := func(ctx context.Context) (tasks.Snapshot, error) { return f.desk.Snapshot(ctx, code) }
	f.must(f.desk.Update(f.Context(), read, decide))
}

// takes waits until the receiver has accepted exactly these events, in this order.
func (f *fixture) takes(want ...string) {
	f.Helper()
	f.until(fmt.Sprint(want), func() bool { return len(f.taken()) >= len(want) })
	if got := f.taken(); !slices.Equal(got, want) {
		f.Errorf("took\n%v\nnot\n%v", got, want)
	}
}

func issuedKey(code keys.Code) string { return "key.issued " + code.Fingerprint() }

func revokedKey(code keys.Code) string {
	return "key.revoked " + code.Fingerprint()
}

// TestAReceiverThatWasDownGetsAllInOrder lets the events of one key fail for a while and those of another
// key succeed.
func TestAReceiverThatWasDownGetsAllInOrder(t *testing.T) {
	f := newFixture(t)
	f.issue("BEFORE")
	f.run()
	f.say(func(string, map[string]any) int { return http.StatusBadGateway })
	f.issue("A")
	f.steer("A", tasks.Revoke)
	f.until("some tries", func() bool { return f.tries() >= 3 })
	f.say(func(_ string, data map[string]any) int {
		if data["key"] == keys.Code("A").Fingerprint() {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	f.steer("BEFORE", tasks.Revoke)
	f.takes(revokedKey("BEFORE"))
	f.say(nil)
	f.takes(revokedKey("BEFORE"), issuedKey("A"), revokedKey("A"))
}

// TestManyCouriersKeepTheOrder lets four dispatchers send the events of many keys to a receiver that
// sometimes fails.
func TestManyCouriersKeepTheOrder(t *testing.T) {
	const rounds = 10
	f := newFixture(t)
	n := 0
	f.say(func(string, map[string]any) int {
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
			f.steer(code, tasks.Revoke)
			f.steer(code, tasks.Restore)
		}
	}
	f.until("all", func() bool { return len(f.taken()) == len(codes)*(rounds+1) })
	for _, code := range codes {
		i := slices.Index(f.taken(), revokedKey(code))
		if j := slices.Index(f.taken(), issuedKey(code)); j > i {
			t.Errorf("%s was revoked before it was issued", code)
		}
	}
}

func TestAnEndpointThatIsGone(t *testing.T) {
	f := newFixture(t)
	stop := f.run()
	f.say(func(string, map[string]any) int { return http.StatusGone })
	f.issue("A")
	f.until("gone", func() bool { return !f.listeners()[0].Disabled.IsZero() })
	f.issue("B")
	f.until("routed", func() bool { return f.listeners()[0].Waiting == 2 })
	stop()
	f.run()
	f.say(nil)
	if n := f.tries(); n != 1 {
		t.Errorf("called %d times", n)
	}
	f.must(f.store.Resume(f.Context(), "L"))
	f.until("all", func() bool { return len(f.taken()) == 2 })
}

func TestGivenUp(t *testing.T) {
	f := newFixture(t)
	f.rules.MaxAge = 20 * time.Millisecond
	f.run()
	f.say(func(kind string, _ map[string]any) int {
		if kind == string(webhooks.KeyIssued) {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	f.issue("A")
	f.steer("A", tasks.Revoke)
	f.takes(revokedKey("A"))
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
	f.takes("stock.low FR") // the country has no plan
	size("US", 2)
	f.takes("stock.low FR", "stock.low US")
	size("US", 1)
	size("US", 5)
	before := f.looks.Load() // when a second further poll begins, the first one has ended
	f.until("forgotten", func() bool { return f.looks.Load() > before+1 })
	size("US", 0)
	f.takes("stock.low FR", "stock.low US", "stock.low US")
}

// TestTheDaemonEndsWhileItCalls checks that the result of a call in progress is written when the daemon
// stops.
func TestTheDaemonEndsWhileItCalls(t *testing.T) {
	f := newFixture(t)
	stop := f.run()
	called, answer := make(chan struct{}), make(chan struct{})
	f.say(func(string, map[string]any) int {
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
	f.takes(issuedKey("A"))
	if n := f.listeners()[0].Waiting; n != 0 {
		t.Errorf("%d mails wait", n)
	}
}

// TestAnIdleCourierLooksSeldom counts the polls of an idle dispatcher, and its polls after a Wake.
func TestAnIdleCourierLooksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		c := webhooks.New(memory.New(time.Now), func() ([]webhooks.Endpoint, error) { looks.Add(1); return []webhooks.Endpoint{{Name: "L"}}, nil }, nil)
		go c.Run(t.Context(), time.Second)
		time.Sleep(4 * time.Minute)
		if n := looks.Load(); n < 60 || n > 80 {
			t.Errorf("%d looks in four minutes", n)
		}
		looks.Store(0)
		c.Wake()
		time.Sleep(1100 * time.Millisecond)
		if n := looks.Load(); n != 2 {
			t.Errorf("%d looks in the second after it was woken", n)
		}
	})
}
