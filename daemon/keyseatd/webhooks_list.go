package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// webhooksList is the command keyseatd webhooks list.
type webhooksList struct {
	databaseFlag
	outputFlag
}

// Help explains how endpoints are removed and shows an example.
func (*webhooksList) Help() string {
	return examples("An endpoint that was taken out of --webhook-file is forgotten after 30 days, or with `keyseatd webhooks forget`.", "keyseatd webhooks list")
}

// Run lists the endpoints that daemons have registered as subscribers.
func (w *webhooksList) Run(ctx context.Context, c stdio) error {
	return w.open(ctx, func(s *bunstore.Store) error {
		all, err := s.Subscribers(ctx)
		if err != nil {
			return err
		}
		return list(c.out, w.outputFlag, endpointHeader, mapped(each(all), newEndpointRow))
	})
}

const endpointHeader = "ENDPOINT STATE WAITING SINCE KEPT_UNTIL?"

// A endpointRow is an endpoint, as a row of a list. Waiting counts its queued deliveries: keys, and
// countries that are low in stock.
type endpointRow struct {
	Name    string    `json:"endpoint"`
	State   string    `json:"state"` // live or gone
	Waiting int       `json:"waiting"`
	Since   view.Time `json:"waiting_since"`
	Gone    view.Time `json:"gone_since"`
	Until   view.Time `json:"kept_until"`
}

func newEndpointRow(l outbox.Subscriber) endpointRow {
	state := "live"
	if !l.Disabled.IsZero() {
		state = "gone"
	}
	return endpointRow{l.Name, state, l.Waiting, view.Time(l.Since), view.Time(l.Disabled), view.Time(l.ExpiresAt)}
}

func (l endpointRow) cells() []string {
	return []string{l.Name, l.State, strconv.Itoa(l.Waiting), l.Since.String(), l.Until.String()}
}
