package webhooks

import (
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// The limits and intervals of a dispatcher.
const (
	hands     = 8                   // concurrent calls to one endpoint
	routes    = 500                 // lines of history in one call of Route
	rounds    = 20                  // calls of Route in one poll
	enlisting = time.Hour           // how often the dispatcher subscribes its endpoints again
	enlisted  = 30 * 24 * time.Hour // how long a subscription lasts: the events of that time are kept while no daemon runs
	leased    = 30 * time.Second    // how long a lease lasts: longer than a call and the writing of its result
	posting   = 10 * time.Second    // the part of a lease that is reserved for writing the result
	calm      = 4                   // the longest pause of a dispatcher that finds no events, in polls
)

// A Dispatcher routes events to endpoints and calls the endpoints. Any number of dispatchers, in any number
// of processes, share the work. [New] makes a Dispatcher. Set its exported fields before Run; Stock is
// required.
type Dispatcher struct {
	Outbox    outbox.Outbox
	Stock     func(context.Context) ([]stock.Level, error) // of [tasks.Store]; required
	Endpoints func() ([]Endpoint, error)                   // the current endpoints; with an error, the latest valid ones
	Client    *http.Client
	Rules     RetryPolicy
	Poll      time.Duration         // between polls for events, up to four times that while there are no events; default of New: 1s
	StockPoll time.Duration         // between polls of the stock; default of New: 15s
	Log       *slog.Logger          // default of New: a logger that discards
	Observe   func(outbox.Delivery) // called after each attempt; nil: no observer

	wake   chan struct{} // holds up to one request to poll immediately
	busy   atomic.Bool   // since the last pause an event was found, or an endpoint failed
	lull   time.Duration // the length of the last pause
	listed time.Time     // when the dispatcher last subscribed the names
	names  []string      // the endpoints that it subscribed
	looked time.Time     // when it last recorded which countries are low
	mu     sync.Mutex
	runs   map[string]*run // keyed by the endpoint's name

	repeated loglimit.Limiter // bounds the log lines that an endpoint or a database can cause without end
}

// A run is the state of one endpoint in this process.
type run struct {
	busy    bool      // a goroutine calls the endpoint
	failing bool      // all of its latest calls failed: one call a poll until a call succeeds
	rest    time.Time // no call before this time, because the endpoint sent Retry-After
}

// New returns a Dispatcher with default settings. Set its other fields before Run.
func New(outbox outbox.Outbox, endpoints func() ([]Endpoint, error), client *http.Client) *Dispatcher {
	return &Dispatcher{
		Outbox: outbox, Endpoints: endpoints, Client: client, Rules: DefaultRules(), Poll: time.Second,
		StockPoll: 15 * time.Second, Log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), runs: map[string]*run{},
	}
}

// Wake makes the dispatcher poll immediately. It never blocks.
func (c *Dispatcher) Wake() {
	select {
	case c.wake <- struct{}{}:
	default: // a request to poll is pending already
	}
}

// Run works until the context ends, and then waits up to drain for the calls in progress. It does not query
// the outbox while there are no endpoints.
func (c *Dispatcher) Run(ctx context.Context, drain time.Duration) {
	calling, cut := context.WithCancel(context.WithoutCancel(ctx)) // calls in progress continue after ctx ends
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, cut) })()
	var under sync.WaitGroup
	defer under.Wait()
	for ctx.Err() == nil {
		all, err := c.Endpoints()
		if err != nil {
			c.Log.ErrorContext(ctx, "cannot read the endpoints of webhooks", "error", err)
		}
		c.logState(ctx, "cannot route webhooks", "", c.look(ctx, all))
		for _, e := range all {
			c.start(ctx, calling, e, &under)
		}
		c.pause(ctx)
	}
}

// pause waits until the next poll, or until Wake or the end of ctx. The pause doubles after each poll that
// finds no events, up to calm times Poll, because all daemons poll the same database.
func (c *Dispatcher) pause(ctx context.Context) {
	c.lull = min(2*c.lull, calm*c.Poll)
	if c.busy.Swap(false) || c.lull == 0 {
		c.lull = c.Poll
	}
	less := time.Duration(float64(c.lull) * mathrand.Float64() / 5) // so that the daemons do not poll simultaneously
	if clock.SleepOrWake(ctx, c.lull-less, c.wake) {
		c.busy.Store(true)
	}
}

// look polls: it puts new events into the delivery queues of the endpoints. It routes before it subscribes
// new endpoints, so that a new endpoint does not receive events that happened before it was added.
func (c *Dispatcher) look(ctx context.Context, all []Endpoint) error {
	if len(all) == 0 && len(c.names) == 0 {
		return nil
	}
	if err := c.route(ctx); err != nil {
		return err
	}
	if err := c.enlist(ctx, all); err != nil {
		return err
	}
	return c.lookAtStock(ctx, all)
}

// route routes all unrouted events. If endpoints are subscribed, it stops after a bounded number of calls
// and requests another poll, so that deliveries do not wait for long.
func (c *Dispatcher) route(ctx context.Context) error {
	for i := 0; len(c.names) == 0 || i < rounds; i++ {
		n, err := c.Outbox.Route(ctx, EventTypes(), routes)
		if err != nil || n == 0 {
			return err
		}
		c.busy.Store(true)
	}
	c.Wake()
	return nil
}

// start starts to deliver to an endpoint in a goroutine. It does nothing if one delivers already, or if the
// endpoint is paused.
func (c *Dispatcher) start(ctx, calling context.Context, e Endpoint, under *sync.WaitGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.runs[e.Name]
	if r == nil {
		r = &run{}
		c.runs[e.Name] = r
	}
	if r.busy || time.Now().Before(r.rest) || ctx.Err() != nil {
		return
	}
	r.busy = true
	under.Go(func() {
		c.deliver(ctx, calling, e, r)
		c.mu.Lock()
		defer c.mu.Unlock()
		r.busy = false
	})
}

// deliver delivers the due events of an endpoint. It stops if no event is due, if all calls of a batch
// fail, or if the endpoint requests a pause. While r.busy is true, only this goroutine accesses the other
// fields of r.
func (c *Dispatcher) deliver(ctx, calling context.Context, e Endpoint, r *run) {
	for ctx.Err() == nil {
		n := hands
		if r.failing {
			n = 1
		}
		taken := time.Now()
		mail, err := c.Outbox.LeaseDeliveries(ctx, e.Name, rand.Text(), n, leased)
		c.logState(ctx, "cannot collect webhooks", e.Name, err)
		if len(mail) > 0 || r.failing {
			c.busy.Store(true)
		}
		if len(mail) == 0 {
			return
		}
		well, rest := c.tellAll(calling, e, mail, taken)
		r.failing, r.rest = !well, time.Now().Add(rest)
		if r.failing || rest > 0 {
			return
		}
	}
}
