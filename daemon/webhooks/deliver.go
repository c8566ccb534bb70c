package webhooks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// deliverDue delivers the due events of an endpoint. It stops if no event is due, if all calls of a batch
// fail, or if the endpoint requests a pause.
func (d *Dispatcher) deliverDue(ctx, callCtx context.Context, e Endpoint, s *endpointState) {
	for ctx.Err() == nil {
		n := maxConcurrent
		if s.failing {
			n = 1
		}
		leasedAt := time.Now()
		due, err := d.Outbox.LeaseDeliveries(ctx, e.Name, rand.Text(), n, leaseTTL)
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

// deliver sends the next event of a delivery. If no event is left to send, it returns success. The call
// ends before the lease does, because another daemon can lease the delivery after that.
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

// nextMessage returns the next event to send. If the country of a delivery is no longer low, it returns
// false and postpones the delivery by two polls of the stock. In this time a poll removes the country from
// the queue. If the key cannot be read, it returns false and postpones the delivery by two polls.
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

// ack writes the result of an attempt. It retries until the lease or ctx ends. If the result cannot be
// written, the event is sent again.
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
		_ = clock.Sleep(ctx, time.Second) // the next attempt returns the error of ctx
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

// logBounded logs a line. If lines with the same message and reason repeat, it logs the first one and
// counts the others.
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

// A RetryPolicy states when a dispatcher retries.
type RetryPolicy struct {
	Backoff       time.Duration // the first pause after a failure; it doubles after each further one
	MaxBackoff    time.Duration // the maximum of these pauses
	MaxRetryAfter time.Duration // the maximum pause that an endpoint can request with Retry-After
	MaxAge        time.Duration // how long an event is retried before it is given up
}

// DefaultRetryPolicy returns the policy of the daemon. Pauses are 5 s to 15 min, or the endpoint's Retry-After of
// up to one day. An event is given up after three days.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{Backoff: 5 * time.Second, MaxBackoff: 15 * time.Minute, MaxRetryAfter: 24 * time.Hour, MaxAge: 3 * 24 * time.Hour}
}

// An Attempt is the result of one attempt to send a message.
type Attempt struct {
	Response
	At     time.Time // by the clock of the outbox
	Took   time.Duration
	Jitter float64 // in [0,1)
}

// minAttempts is the minimum number of earlier failures of an event that is given up. An event can be older than
// MaxAge without any attempt, because no daemon was running.
const minAttempts = 5

// Settle decides the new state of a leased delivery after an attempt to send a message of it. It also
// returns the log entry of the attempt. Settle is a pure function.
func (p RetryPolicy) Settle(q outbox.QueuedDelivery, m Message, a Attempt) (outbox.QueuedDelivery, outbox.Delivery) {
	entry := outbox.Delivery{
		At: a.At, Subscriber: q.Subscriber, Event: m.Event.ID, Type: string(m.Event.Type), Code: q.Code, Country: q.Country,
		Line: m.Seq, Attempt: q.Attempts + 1, Status: a.Status, Took: a.Took, Note: a.Note,
	}
	age := a.At.Sub(slices.MaxFunc([]time.Time{q.Since, m.Event.At}, time.Time.Compare))
	switch {
	case a.OK():
		entry.Result, q = outbox.Delivered, resetAttempts(m.Acked, a.At)
	case a.Status == http.StatusGone:
		entry.Result, q.DueAt = outbox.SubscriberGone, a.At
	case age >= p.MaxAge && q.Attempts >= minAttempts:
		entry.Result, q = outbox.GivenUp, resetAttempts(m.Acked, a.At)
	default:
		q.Attempts++
		entry.Result, q.DueAt = outbox.Failed, a.At.Add(p.pause(q.Attempts, a))
	}
	return q, entry
}

// resetAttempts returns the queued delivery with no attempt at its next event.
func resetAttempts(q outbox.QueuedDelivery, at time.Time) outbox.QueuedDelivery {
	q.Attempts, q.DueAt = 0, at
	return q
}

// pause returns the pause after the given number of failures. It is the Retry-After of the endpoint, up to
// MaxRetryAfter. Without Retry-After it is twice the pause before, up to MaxBackoff, less a random part of
// up to a half. The random part spreads the calls to endpoints that failed simultaneously.
func (p RetryPolicy) pause(failures int, a Attempt) time.Duration {
	if a.RetryAfter > 0 {
		return min(a.RetryAfter, p.MaxRetryAfter)
	}
	pause := p.Backoff
	for i := 1; i < failures && pause < p.MaxBackoff; i++ {
		pause *= 2
	}
	pause = min(pause, p.MaxBackoff)
	return pause - time.Duration(float64(pause)*a.Jitter/2)
}
