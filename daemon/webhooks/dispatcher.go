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
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// The paces of a courier.
const (
	hands     = 8                   // calls to one endpoint at once
	routes    = 500                 // lines of history at once
	rounds    = 20                  // of those at one look
	enlisting = time.Hour           // how often endpoints are enlisted anew
	enlisted  = 30 * 24 * time.Hour // and how long that holds: what happens while no daemon runs is kept for them
	leased    = 30 * time.Second    // longer than a call and its settling
	posting   = 10 * time.Second    // how long settling may take
	calm      = 4                   // polls that a courier waits who has found nothing for long
)

// A Dispatcher routes what has happened to endpoints and calls them. Any number of couriers, in any number
// of processes, share the work. It is made by [New]; its exported fields may be set before Run, and Stock
// must be.
type Dispatcher struct {
	Outbox    tasks.Outbox
	Stock     func(context.Context) ([]stock.Level, error) // of [tasks.Store]; needed
	Endpoints func() ([]Endpoint, error)                   // those of now; with an error, those that are known
	Client    *http.Client
	Rules     RetryPolicy
	Poll      time.Duration        // between looks for what has happened, up to four times that while nothing has; of New: 1s
	StockPoll time.Duration        // between looks at the stock; of New: 15s
	Log       *slog.Logger         // of New: silence
	Observe   func(tasks.Delivery) // nil: nobody looks

	wake   chan struct{} // holds one wish to look at once
	busy   atomic.Bool   // something was found since the last pause, or an endpoint fails
	lull   time.Duration // the last pause
	listed time.Time     // when these were enlisted
	names  []string
	looked time.Time // at the stock
	mu     sync.Mutex
	runs   map[string]*run // by the endpoint's name

	repeated loglimit.Limiter // the lines that an endpoint or a database can cause without end
}

// A run is how calling one endpoint goes in this process.
type run struct {
	busy    bool
	failing bool      // its last calls all failed: one at a look until one succeeds
	rest    time.Time // it wants no call before that
}

// New makes a courier that is set up by its fields.
func New(outbox tasks.Outbox, endpoints func() ([]Endpoint, error), client *http.Client) *Dispatcher {
	return &Dispatcher{
		Outbox: outbox, Endpoints: endpoints, Client: client, Rules: DefaultRules(), Poll: time.Second,
		StockPoll: 15 * time.Second, Log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), runs: map[string]*run{},
	}
}

// Wake makes the courier look at once. It never blocks.
func (c *Dispatcher) Wake() {
	select {
	case c.wake <- struct{}{}:
	default: // a look is due already
	}
}

// Run works until the context ends, and then waits up to drain for the calls that are under way. While
// there is no endpoint it asks the outbox for nothing.
func (c *Dispatcher) Run(ctx context.Context, drain time.Duration) {
	calling, cut := context.WithCancel(context.WithoutCancel(ctx)) // a call that has begun outlives the signal
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

// pause is for a poll, and twice as long each time that nothing is found, because all daemons look.
func (c *Dispatcher) pause(ctx context.Context) {
	c.lull = min(2*c.lull, calm*c.Poll)
	if c.busy.Swap(false) || c.lull == 0 {
		c.lull = c.Poll
	}
	timer := time.NewTimer(c.lull - time.Duration(float64(c.lull)*mathrand.Float64()/5)) // they do not look all at once
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-c.wake:
		c.busy.Store(true)
	}
}

// look brings what has happened into the endpoints' mail. What was before an endpoint is routed before
// it is enlisted.
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

// route routes all there is, or, where endpoints wait to be called, so much that they do not wait long.
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

// start calls an endpoint, unless this is being done already or it is to rest.
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

// deliver empties the mail of an endpoint that is due, or stops where nothing goes through. Only it
// touches the run while that is busy.
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
