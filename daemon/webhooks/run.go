package webhooks

import (
	"context"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/stock"
)

// Run works until ctx ends, and then waits up to drain for the calls in progress. It does not query the
// outbox while there are no endpoints.
func (d *Dispatcher) Run(ctx context.Context, drain time.Duration) {
	callCtx, cancelCalls := context.WithCancel(context.WithoutCancel(ctx)) // calls in progress continue after ctx ends
	defer cancelCalls()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, cancelCalls) })()
	defer d.repeated.Flush(callCtx)
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
	less := time.Duration(float64(d.idlePause) * mathrand.Float64() / 5) // subtracted from the pause, so that the daemons do not poll simultaneously
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

// route routes all unrouted events. If endpoints are subscribed, it stops after [maxRouteCalls] calls and requests
// another poll, so that deliveries do not wait for long.
func (d *Dispatcher) route(ctx context.Context) error {
	for i := 0; len(d.subscribed) == 0 || i < maxRouteCalls; i++ {
		n, err := d.routeOnce(ctx)
		if err != nil || n == 0 {
			return err
		}
		d.busy.Store(true)
	}
	d.Wake()
	return nil
}

func (d *Dispatcher) routeOnce(ctx context.Context) (routed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	return d.Outbox.Route(ctx, EventTypes(), routeBatch)
}

// start starts to deliver to an endpoint in a goroutine. It does nothing if another goroutine already delivers to the
// endpoint, or if the endpoint is paused.
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
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	if err := d.Outbox.Subscribe(ctx, names, subscriptionTTL); err != nil {
		return err
	}
	d.subscribed, d.subscribedAt, d.stockCleared = names, time.Now(), false
	return nil
}

// pollStock reads the stock and records, for each endpoint, the countries that are low. If no endpoint wants [StockLow],
// it reads nothing, and once records that no country is low, so that no queued delivery remains.
func (d *Dispatcher) pollStock(ctx context.Context, all []Endpoint) (err error) {
	wanted := slices.ContainsFunc(all, func(e Endpoint) bool { return e.Wants(StockLow) })
	if !wanted && d.stockCleared || time.Since(d.stockPolledAt) < d.StockPoll {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	var levels []stock.Level
	if wanted {
		levels, err = d.Stock(ctx)
	}
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
	d.stockPolledAt, d.stockCleared = time.Now(), !wanted
	return nil
}
