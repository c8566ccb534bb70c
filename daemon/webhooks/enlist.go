package webhooks

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// enlist makes the outbox keep what happens for these endpoints, when they change and from time to time.
// One that is taken out of the file is kept for until its time is over: another daemon may still have it.
func (c *Dispatcher) enlist(ctx context.Context, all []Endpoint) error {
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	if slices.Equal(names, c.names) && time.Since(c.listed) < enlisting {
		return nil
	}
	if err := c.Outbox.Subscribe(ctx, names, enlisted); err != nil {
		return err
	}
	c.names, c.listed = names, time.Now()
	return nil
}

// lookAtStock notes for each endpoint what is low.
func (c *Dispatcher) lookAtStock(ctx context.Context, all []Endpoint) error {
	asked := slices.ContainsFunc(all, func(e Endpoint) bool { return e.Wants(StockLow) })
	if !asked || time.Since(c.looked) < c.StockPoll {
		return nil
	}
	levels, err := c.Stock(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		var countries []stock.Country
		for _, l := range e.low(levels) {
			countries = append(countries, l.Country)
		}
		if err := c.Outbox.SetLowStock(ctx, e.Name, countries, time.Now().UnixMicro()); err != nil {
			return err
		}
	}
	c.looked = time.Now()
	return nil
}
