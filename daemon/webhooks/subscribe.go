package webhooks

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/stock"
)

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
	if err := d.Outbox.Subscribe(ctx, names, subscriptionTTL); err != nil {
		return err
	}
	d.subscribed, d.subscribedAt = names, time.Now()
	return nil
}

// pollStock reads the stock and records, for each endpoint, the countries that are low.
func (d *Dispatcher) pollStock(ctx context.Context, all []Endpoint) error {
	wanted := slices.ContainsFunc(all, func(e Endpoint) bool { return e.Wants(StockLow) })
	if !wanted || time.Since(d.stockPolledAt) < d.StockPoll {
		return nil
	}
	levels, err := d.Stock(ctx)
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
	d.stockPolledAt = time.Now()
	return nil
}

// lowCountries returns the countries that are low by the thresholds of the endpoint.
func (e Endpoint) lowCountries(levels []stock.Level) (all []lowStock) {
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
			all = append(all, lowStock{l.Country, l.Free, threshold})
		}
	}
	for country, threshold := range e.Low {
		if country != EveryCountry && !seen[country] { // the country has no plan
			all = append(all, lowStock{country, 0, threshold})
		}
	}
	return all
}
