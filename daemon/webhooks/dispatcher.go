package webhooks

import (
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// The limits and intervals of a dispatcher.
const (
	maxConcurrent   = 8                   // concurrent calls to one endpoint
	routeBatch      = 500                 // history entries in one call of Route
	maxRouteCalls   = 20                  // calls of Route in one poll
	subscribeEvery  = time.Hour           // how often the dispatcher subscribes its endpoints again
	subscriptionTTL = 30 * 24 * time.Hour // how long a subscription lasts: the events of that time are kept while no daemon runs
	leaseTTL        = 30 * time.Second    // how long a lease lasts: longer than a call and the writing of its result
	ackReserve      = 10 * time.Second    // the part of a lease that is reserved for writing the result
	idleFactor      = 4                   // the longest pause of a dispatcher that finds no events, in polls
)

// A Dispatcher routes events to endpoints and calls the endpoints. Any number of dispatchers, in any number of
// processes, share the work. [New] makes a Dispatcher. Set its exported fields before Run; Stock is required.
type Dispatcher struct {
	Outbox       outbox.Outbox
	Stock        func(context.Context) ([]stock.Level, error)       // of [tasks.Store]; required
	Key          func(context.Context, keys.Code) (keys.Key, error) // [tasks.Engine.Info]; nil: events have no order id
	Fingerprints keys.FingerprintKey                                // makes the fingerprints of keys in events and in the log; default of New: a random one
	Endpoints    func() ([]Endpoint, error)                         // the current endpoints; with an error, the latest valid ones
	Client       *http.Client
	Retry        RetryPolicy
	Poll         time.Duration         // between polls for events; without events the pause grows to idleFactor times Poll; default of New: 1s
	StockPoll    time.Duration         // between polls of the stock; default of New: 15s
	Log          *slog.Logger          // default of New: a logger that discards
	Observe      func(outbox.Delivery) // called after each attempt; nil: no observer

	wake          chan struct{} // holds up to one request to poll immediately
	busy          atomic.Bool   // since the last pause an event was found, or an endpoint failed
	idlePause     time.Duration // the length of the last pause
	subscribedAt  time.Time     // when the dispatcher last subscribed the endpoints
	subscribed    []string      // the names of these endpoints
	stockPolledAt time.Time     // when it last recorded which countries are low
	mu            sync.Mutex
	states        map[string]*endpointState // keyed by the endpoint's name

	repeated loglimit.Limiter // bounds the log lines that an endpoint or a database can cause without end
}

// An endpointState is the state of one endpoint in this process.
type endpointState struct {
	busy        bool      // a goroutine calls the endpoint; only this goroutine accesses the other fields
	failing     bool      // all of its latest calls failed: one call a poll until a call succeeds
	pausedUntil time.Time // no call before this time, because the endpoint sent Retry-After
}

// New returns a Dispatcher with default settings. Set its other fields before Run.
func New(outbox outbox.Outbox, endpoints func() ([]Endpoint, error), client *http.Client) *Dispatcher {
	d := &Dispatcher{
		Outbox: outbox, Endpoints: endpoints, Client: client, Retry: DefaultRetryPolicy(), Poll: time.Second,
		StockPoll: 15 * time.Second, Log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), states: map[string]*endpointState{},
	}
	_, _ = rand.Read(d.Fingerprints[:]) // never fails
	return d
}

// Wake makes the dispatcher poll immediately. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default: // a request to poll is pending already
	}
}

// Run works until ctx ends, and then waits up to drain for the calls in progress. It does not query the
// outbox while there are no endpoints.
func (d *Dispatcher) Run(ctx context.Context, drain time.Duration) {
	callCtx, cancelCalls := context.WithCancel(context.WithoutCancel(ctx)) // calls in progress continue after ctx ends
	defer cancelCalls()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, cancelCalls) })()
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	for ctx.Err() == nil {
		all, err := d.Endpoints()
		if err != nil {
			d.Log.ErrorContext(ctx, "cannot read the endpoints of webhooks", "error", err)
		}
		d.logState(ctx, "cannot route webhooks", "", d.poll(ctx, all))
		for _, e := range all {
			d.start(ctx, callCtx, e, &deliveries)
		}
		d.pause(ctx)
	}
}

// pause waits until the next poll, or until Wake or the end of ctx. The pause doubles after each poll that
// finds no events, up to idleFactor times Poll, because all daemons poll the same database.
func (d *Dispatcher) pause(ctx context.Context) {
	d.idlePause = min(2*d.idlePause, idleFactor*d.Poll)
	if d.busy.Swap(false) || d.idlePause == 0 {
		d.idlePause = d.Poll
	}
	less := time.Duration(float64(d.idlePause) * mathrand.Float64() / 5) // so that the daemons do not poll simultaneously
	if clock.SleepOrWake(ctx, d.idlePause-less, d.wake) {
		d.busy.Store(true)
	}
}

// poll puts new events into the delivery queues of the endpoints. It routes before it subscribes new
// endpoints, so that a new endpoint does not receive events that happened before it was added.
func (d *Dispatcher) poll(ctx context.Context, all []Endpoint) error {
	if len(all) == 0 && len(d.subscribed) == 0 {
		return nil
	}
	err := d.route(ctx)
	if err == nil {
		err = d.subscribe(ctx, all)
	}
	if err == nil {
		err = d.pollStock(ctx, all)
	}
	return err
}

// route routes all unrouted events. If endpoints are subscribed, it stops after a bounded number of calls
// and requests another poll, so that deliveries do not wait for long.
func (d *Dispatcher) route(ctx context.Context) error {
	for i := 0; len(d.subscribed) == 0 || i < maxRouteCalls; i++ {
		n, err := d.Outbox.Route(ctx, EventTypes(), routeBatch)
		if err != nil || n == 0 {
			return err
		}
		d.busy.Store(true)
	}
	d.Wake()
	return nil
}

// start starts to deliver to an endpoint in a goroutine. It does nothing if one delivers already, or if the
// endpoint is paused.
func (d *Dispatcher) start(ctx, callCtx context.Context, e Endpoint, deliveries *sync.WaitGroup) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.states[e.Name] == nil {
		d.states[e.Name] = &endpointState{}
	}
	s := d.states[e.Name]
	if s.busy || time.Now().Before(s.pausedUntil) || ctx.Err() != nil {
		return
	}
	s.busy = true
	deliveries.Go(func() {
		d.deliverDue(ctx, callCtx, e, s)
		d.mu.Lock()
		defer d.mu.Unlock()
		s.busy = false
	})
}

// subscribe subscribes the endpoints, so that the outbox keeps events for them. It does so when their names
// change, and once an hour. If an endpoint is removed from the file, its subscription lasts until it
// expires, because another daemon may still use the endpoint.
func (d *Dispatcher) subscribe(ctx context.Context, all []Endpoint) error {
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	if slices.Equal(names, d.subscribed) && time.Since(d.subscribedAt) < subscribeEvery {
		return nil
	}
	if err := d.Outbox.Subscribe(ctx, names, subscriptionTTL); err != nil {
		return err
	}
	d.subscribed, d.subscribedAt = names, time.Now()
	return nil
}

// pollStock reads the stock and records, for each endpoint, the countries that are low.
func (d *Dispatcher) pollStock(ctx context.Context, all []Endpoint) error {
	wanted := slices.ContainsFunc(all, func(e Endpoint) bool { return e.Wants(StockLow) })
	if !wanted || time.Since(d.stockPolledAt) < d.StockPoll {
		return nil
	}
	levels, err := d.Stock(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		var countries []stock.Country
		for _, l := range e.lowCountries(levels) {
			countries = append(countries, l.Country)
		}
		if err := d.Outbox.SetLowStock(ctx, e.Name, countries, time.Now().UnixMicro()); err != nil {
			return err
		}
	}
	d.stockPolledAt = time.Now()
	return nil
}

// lowThreshold returns the number of free slots at which a country is low. It returns false if the endpoint has no number.
func (e Endpoint) lowThreshold(country stock.Country) (int, bool) {
	threshold, own := e.Low[country]
	if !own {
		threshold, own = e.Low[EveryCountry]
	}
	return threshold, own && e.Wants(StockLow)
}

// LowThreshold returns the number of free slots at which a country is low for at least one endpoint. It returns false if
// no endpoint has such a number.
func LowThreshold(all []Endpoint, country stock.Country) (highest int, ok bool) {
	for _, e := range all {
		if n, has := e.lowThreshold(country); has {
			highest, ok = max(highest, n), true
		}
	}
	return highest, ok
}

// lowCountries returns the countries that are low by the thresholds of the endpoint.
func (e Endpoint) lowCountries(levels []stock.Level) (all []lowStock) {
	if !e.Wants(StockLow) {
		return nil
	}
	seen := map[stock.Country]bool{}
	for _, l := range levels {
		seen[l.Country] = true
		if threshold, has := e.lowThreshold(l.Country); has && l.Free <= threshold {
			all = append(all, lowStock{l.Country, l.Free, threshold})
		}
	}
	for country, threshold := range e.Low {
		if country != EveryCountry && !seen[country] { // the country has no plan
			all = append(all, lowStock{country, 0, threshold})
		}
	}
	return all
}
