package webhooks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// deliverDue delivers the due events of an endpoint, in batches of up to [maxConcurrent] calls. It stops if no event is
// due, if all calls of a batch fail, or if the endpoint requests a pause.
func (d *Dispatcher) deliverDue(ctx, callCtx context.Context, e Endpoint, s *endpointState) {
	for ctx.Err() == nil {
		n := maxConcurrent
		if s.failing {
			n = 1
		}
		leasedAt := time.Now()
		due, err := d.lease(ctx, e, n)
		d.logState(ctx, "cannot lease webhooks", e.Name, err)
		if len(due) > 0 || s.failing {
			d.busy.Store(true)
		}
		if len(due) == 0 {
			return
		}
		anyOK, pause := d.deliverAll(callCtx, e, due, leasedAt)
		s.failing, s.pausedUntil = !anyOK, time.Now().Add(pause)
		if s.failing || pause > 0 {
			return
		}
	}
}

func (d *Dispatcher) lease(ctx context.Context, e Endpoint, n int) ([]outbox.QueuedDelivery, error) {
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	return d.Outbox.LeaseDeliveries(ctx, e.Name, rand.Text(), n, leaseTTL)
}

// deliverAll sends the next event of each leased delivery, all simultaneously. It returns whether at least
// one call succeeded, and the longest pause that the endpoint has requested.
func (d *Dispatcher) deliverAll(ctx context.Context, e Endpoint, due []outbox.QueuedDelivery, leasedAt time.Time) (anyOK bool, pause time.Duration) {
	responses := make([]Response, len(due))
	var group sync.WaitGroup
	for i, q := range due {
		group.Go(func() { responses[i] = d.deliver(ctx, e, q, leasedAt) })
	}
	group.Wait()
	for _, r := range responses {
		if r.OK() {
			anyOK = true
		} else {
			pause = max(pause, min(r.RetryAfter, d.Retry.MaxRetryAfter))
		}
	}
	return anyOK, pause
}

// deliver sends the next event of a delivery. If there is no event to send, the response is a success. The call ends
// before the lease ends, because another daemon can then lease the delivery.
func (d *Dispatcher) deliver(ctx context.Context, e Endpoint, q outbox.QueuedDelivery, leasedAt time.Time) Response {
	now := func() time.Time { return q.At.Add(time.Since(leasedAt)) }
	message, found := d.nextMessage(ctx, e, q, now())
	if !found {
		d.ack(ctx, message.Acked, nil, leasedAt)
		return Response{Status: http.StatusNoContent}
	}
	start := time.Now()
	callCtx, cancel := context.WithDeadline(ctx, leasedAt.Add(leaseTTL-ackReserve))
	defer cancel()
	response := Send(callCtx, d.Client, e, message.Event)
	q, entry := d.Retry.Settle(q, message, Attempt{response, now(), time.Since(start), mathrand.Float64()})
	d.ack(ctx, q, &entry, leasedAt)
	d.report(ctx, entry)
	return response
}

// nextMessage returns the next event of a delivery, or false if it can send none now. A delivery is about a key or the
// low stock of a country. If the key cannot be read, the delivery is due again after two intervals of Poll. If the
// country is no longer low, it is due again after two intervals of StockPoll. By then [Dispatcher.pollStock] has
// removed it from the queue.
func (d *Dispatcher) nextMessage(ctx context.Context, e Endpoint, q outbox.QueuedDelivery, now time.Time) (Message, bool) {
	if q.Code != "" {
		key, err := d.keyName(ctx, q.Code)
		if d.logState(ctx, "cannot read the key of a webhook", e.Name, err); err != nil {
			q.DueAt = now.Add(2 * d.Poll)
			return Message{Acked: q}, false
		}
		return Next(q, key, e.Wants)
	}
	levels, err := d.Stock(ctx)
	for _, l := range e.lowCountries(levels) {
		if l.Country == q.Country && err == nil {
			acked := q
			acked.DeliveredSeq = q.LastSeq
			return Message{lowStockEvent(e.Name, q.LastSeq, q.Since, l), 0, acked}, true
		}
	}
	q.DueAt = now.Add(2 * d.StockPoll)
	return Message{Acked: q}, false
}

func (d *Dispatcher) keyName(ctx context.Context, code keys.Code) (KeyName, error) {
	name := KeyName{Fingerprint: d.Fingerprints.Fingerprint(code)}
	if d.Key == nil {
		return name, nil
	}
	key, err := d.Key(ctx, code)
	name.OrderID = key.OrderID
	return name, err
}

// ack writes the result of an attempt, and retries until the lease or ctx ends. If that fails, the event is sent again.
func (d *Dispatcher) ack(ctx context.Context, q outbox.QueuedDelivery, entry *outbox.Delivery, leasedAt time.Time) {
	writeCtx, cancel := context.WithDeadline(context.WithoutCancel(ctx), leasedAt.Add(leaseTTL))
	defer cancel()
	for {
		err := d.Outbox.CompleteDelivery(writeCtx, q, entry)
		switch {
		case err == nil:
			return
		case errors.Is(err, tasks.ErrFenced):
			d.logBounded(ctx, slog.LevelInfo, "another daemon has leased the webhook, or it is sent again", q.Subscriber,
				slog.String("endpoint", q.Subscriber), slog.String("subject", Subject(q.Code, q.Country, d.Fingerprints)))
			return
		case ctx.Err() != nil || writeCtx.Err() != nil:
			d.logBounded(ctx, slog.LevelError, "cannot store the result of a webhook, it is sent again", q.Subscriber,
				slog.String("endpoint", q.Subscriber), slog.String("error", err.Error()))
			return
		}
		_ = clock.Sleep(ctx, time.Second) // an error means that ctx has ended; then the loop makes one last attempt immediately
	}
}

// report passes an attempt to Observe and logs it. It bounds the number of log lines about an endpoint that fails.
func (d *Dispatcher) report(ctx context.Context, entry outbox.Delivery) {
	if d.Observe != nil {
		d.Observe(entry)
	}
	attrs := []slog.Attr{
		slog.String("endpoint", entry.Subscriber), slog.String("event", entry.Event), slog.String("type", entry.Type),
		slog.String("subject", Subject(entry.Code, entry.Country, d.Fingerprints)), slog.Int("try", entry.Attempt), slog.Int("status", entry.Status),
		slog.Duration("duration", entry.Took), slog.String("note", entry.Note),
	}
	reason := fmt.Sprint(entry.Subscriber, " ", entry.Status)
	switch entry.Result {
	case outbox.Delivered:
		d.Log.LogAttrs(ctx, slog.LevelDebug, "webhook delivered", attrs...)
	case outbox.Failed:
		d.logBounded(ctx, slog.LevelWarn, "webhook failed, it is tried again", reason, attrs...)
	case outbox.GivenUp:
		d.logBounded(ctx, slog.LevelError, "webhook given up", reason, attrs...)
	case outbox.SubscriberGone:
		d.logBounded(ctx, slog.LevelError, "the endpoint is gone (410), it gets no event until `keyseatd webhooks resume`", reason, attrs...)
	}
}
