package webhooks

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// enlist subscribes the endpoints, so that the outbox keeps events for them. It does so when their names
// change, and once an hour. If an endpoint is removed from the file, its subscription lasts until it
// expires, because another daemon may still use the endpoint.
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

// lookAtStock reads the stock and records, for each endpoint, the countries that are low.
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
