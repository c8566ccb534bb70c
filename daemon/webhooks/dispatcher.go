package webhooks

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// The limits and intervals of a dispatcher.
const (
	routeBatch      = 500                 // history entries in one call of Route
	maxRouteCalls   = 20                  // calls of Route in one poll
	subscribeEvery  = time.Hour           // how often the dispatcher subscribes its endpoints again
	subscriptionTTL = 30 * 24 * time.Hour // how long a subscription lasts; the outbox keeps events for this time while no daemon runs
	leaseTTL        = 30 * time.Second    // how long a lease lasts; longer than a call and the writing of its result take
	outboxTimeout   = 15 * time.Second    // the timeout of one call of the outbox, because a broken connection may never answer
	ackReserve      = 10 * time.Second    // the part of a lease that is reserved for writing the result
	idleFactor      = 4                   // after polls without events, the pause between polls grows to this multiple of Poll
)

// A Dispatcher routes events to endpoints and calls the endpoints. Any number of dispatchers, in any number of
// processes, share the work. [New] makes a Dispatcher. Set its exported fields before Run; Stock is required.
type Dispatcher struct {
	Outbox       outbox.Outbox
	Stock        func(context.Context) ([]stock.Level, error)       // returns the levels of the stock, as [tasks.Store] does; required
	Key          func(context.Context, keys.Code) (keys.Key, error) // [tasks.Engine.Info]; nil: events have no order id
	Fingerprints keys.FingerprintKey                                // makes the fingerprints of keys in events and in the log; default of New: a random one
	Endpoints    func() ([]Endpoint, error)                         // returns the current endpoints, or an error and the latest valid endpoints
	Client       *http.Client
	Retry        RetryPolicy
	Poll         time.Duration         // between polls for events; without events the pause grows to idleFactor times Poll; default of New: 1s
	StockPoll    time.Duration         // between polls of the stock; default of New: 15s
	Log          *slog.Logger          // default of New: a logger that discards
	Observe      func(outbox.Delivery) // called after each attempt; nil: no observer

	wake          chan struct{} // holds up to one request to poll immediately
	busy          atomic.Bool   // whether an event was found, or an endpoint failed, since the last pause
	idlePause     time.Duration // the length of the last pause
	subscribedAt  time.Time     // when the dispatcher last subscribed the endpoints
	subscribed    []string      // the names of the endpoints that it subscribed then
	stockPolledAt time.Time     // when the dispatcher last recorded which countries are low
	stockCleared  bool          // it recorded then that no country is low, because no endpoint wants that event
	mu            sync.Mutex
	states        map[string]*endpointState // keyed by the endpoint's name

	repeated loglimit.Limiter // bounds the log lines that an endpoint or a database can cause without end
}

// An endpointState is the state of one endpoint in this process.
type endpointState struct {
	busy        bool      // a goroutine calls the endpoint; only this goroutine accesses the other fields
	failing     bool      // all calls of the latest batch failed, so each poll makes one call until a call succeeds
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

// logBounded logs a line. Of lines with the same message and reason, it logs the first and counts the others.
func (d *Dispatcher) logBounded(ctx context.Context, level slog.Level, message, reason string, attrs ...slog.Attr) {
	d.repeated.Log(ctx, d.Log, loglimit.Event{Subject: message + ": " + reason, Level: level, Message: message, Attrs: attrs})
}

// logState logs that the outbox fails, or that it works again. The endpoint is "" if the failure affects all endpoints.
// After the end of ctx it logs nothing, because the error can then be the cancellation itself.
func (d *Dispatcher) logState(ctx context.Context, failure, endpoint string, err error) {
	if ctx.Err() == nil {
		d.repeated.LogState(ctx, d.Log, loglimit.Event{
			Subject: failure + ": " + endpoint, Level: slog.LevelError, Message: failure, Attrs: []slog.Attr{slog.String("endpoint", endpoint)},
		}, err)
	}
}
