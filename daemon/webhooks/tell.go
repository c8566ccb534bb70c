package webhooks

import (
	"context"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// tellAll sends the next event of each leased delivery, all simultaneously. The flag well is true if at
// least one call succeeded. The duration rest is the longest pause that the endpoint has requested.
func (c *Dispatcher) tellAll(ctx context.Context, e Endpoint, mail []outbox.QueuedDelivery, taken time.Time) (well bool, rest time.Duration) {
	answers := make([]Answer, len(mail))
	var group sync.WaitGroup
	for i, m := range mail {
		group.Go(func() { answers[i] = c.tell(ctx, e, m, taken) })
	}
	group.Wait()
	for _, a := range answers {
		well = well || a.OK()
		if !a.OK() {
			rest = max(rest, min(a.After, c.Rules.MaxRetryAfter))
		}
	}
	return well, rest
}

// tell sends the next event of a delivery. The lease of the delivery began at the time taken. If no event
// is left to send, it returns success. The call ends before the lease does, because another daemon can
// lease the delivery after that.
func (c *Dispatcher) tell(ctx context.Context, e Endpoint, m outbox.QueuedDelivery, taken time.Time) Answer {
	now := func() time.Time { return m.At.Add(time.Since(taken)) }
	letter, found := c.letter(ctx, e, m, now())
	if !found {
		c.post(ctx, letter.Told, nil, taken)
		return Answer{Status: http.StatusNoContent}
	}
	start := time.Now()
	calling, end := context.WithDeadline(ctx, taken.Add(leased-posting))
	defer end()
	answer := Send(calling, c.Client, e, letter.Event)
	m, d := c.Rules.Settle(m, letter, Attempt{answer, now(), time.Since(start), mathrand.Float64()})
	c.post(ctx, m, &d, taken)
	c.report(ctx, d)
	return answer
}

// letter returns the next event to send. If the country of a delivery is no longer low, it returns false
// and postpones the delivery by two polls of the stock. In this time a poll removes the country from the
// queue.
func (c *Dispatcher) letter(ctx context.Context, e Endpoint, m outbox.QueuedDelivery, now time.Time) (Message, bool) {
	if m.Code != "" {
		return Next(m, e.Wants)
	}
	told := m
	told.DeliveredSeq = m.LastSeq
	levels, err := c.Stock(ctx)
	for _, l := range e.low(levels) {
		if l.Country == m.Country && err == nil {
			return Message{lowEvent(e.Name, m.LastSeq, m.Since, l), 0, told}, true
		}
	}
	m.DueAt = now.Add(2 * c.StockPoll)
	return Message{Told: m}, false
}

// post writes the result of an attempt. It retries until the lease or ctx ends. If the result cannot be
// written, the event is sent again.
func (c *Dispatcher) post(ctx context.Context, m outbox.QueuedDelivery, d *outbox.Delivery, taken time.Time) {
	writing, end := context.WithDeadline(context.WithoutCancel(ctx), taken.Add(leased))
	defer end()
	for {
		err := c.Outbox.CompleteDelivery(writing, m, d)
		switch {
		case err == nil:
			return
		case errors.Is(err, tasks.ErrFenced):
			c.logBounded(ctx, slog.LevelInfo, "a webhook is another daemon's, or is told again", m.Subscriber,
				slog.String("endpoint", m.Subscriber), slog.String("subject", Subject(m.Code, m.Country)))
			return
		case ctx.Err() != nil || writing.Err() != nil:
			c.logBounded(ctx, slog.LevelError, "cannot settle a webhook, which is told again", m.Subscriber,
				slog.String("endpoint", m.Subscriber), slog.String("error", err.Error()))
			return
		}
		_ = clock.Sleep(ctx, time.Second) // the next attempt returns the error of ctx
	}
}

// low returns the countries that are low by the thresholds of the endpoint.
func (e Endpoint) low(levels []stock.Level) (all []low) {
	if !e.Wants(StockLow) {
		return nil
	}
	seen := map[stock.Country]bool{}
	for _, l := range levels {
		seen[l.Country] = true
		threshold, own := e.Low[l.Country]
		if !own {
			if threshold, own = e.Low[EveryCountry]; !own {
				continue
			}
		}
		if l.Free <= threshold {
			all = append(all, low{l.Country, l.Free, threshold})
		}
	}
	for country, threshold := range e.Low {
		if country != EveryCountry && !seen[country] { // the country has no plan
			all = append(all, low{country, 0, threshold})
		}
	}
	return all
}
