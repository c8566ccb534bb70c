package webhooks

import (
	"context"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// tellAll tells the next of each mail, all at once. It went well if not all have failed; the rest is how
// long the endpoint wants to be left alone.
func (c *Dispatcher) tellAll(ctx context.Context, e Endpoint, mail []tasks.QueuedDelivery, taken time.Time) (well bool, rest time.Duration) {
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

// tell tells the next of a mail that was taken at that time; with nothing to tell all is well. It ends
// before the lease does, because then the mail may be another's to tell.
func (c *Dispatcher) tell(ctx context.Context, e Endpoint, m tasks.QueuedDelivery, taken time.Time) Answer {
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

// letter finds what is to be told. A country that is low no more is looked at again a little later,
// when it has been forgotten.
func (c *Dispatcher) letter(ctx context.Context, e Endpoint, m tasks.QueuedDelivery, now time.Time) (Message, bool) {
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

// post writes what has become of a mail, again and again while the lease lasts and the daemon does not
// stop: what cannot be written is told twice.
func (c *Dispatcher) post(ctx context.Context, m tasks.QueuedDelivery, d *tasks.Delivery, taken time.Time) {
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
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// low are the countries that are low to the endpoint's mind.
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
		if country != EveryCountry && !seen[country] { // it has no plan at all
			all = append(all, low{country, 0, threshold})
		}
	}
	return all
}
