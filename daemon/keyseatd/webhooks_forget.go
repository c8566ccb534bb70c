package main

import (
	"context"
	"errors"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// webhooksForget is the command keyseatd webhooks forget.
type webhooksForget struct {
	databaseFlag
	Endpoint string `arg:"" help:"The endpoint's name."`
}

// Help explains the effect and shows an example.
func (*webhooksForget) Help() string {
	return examples("An endpoint that a daemon still has in its file comes back. Without this one that was taken out is "+
		"forgotten after 30 days.", "keyseatd webhooks forget shop")
}

// Run removes the endpoint and its queued deliveries.
func (w *webhooksForget) Run(ctx context.Context, c stdio) error {
	err := w.open(ctx, func(s *bunstore.Store) error { return s.Unsubscribe(ctx, w.Endpoint) })
	if errors.Is(err, outbox.ErrNoSubscriber) {
		err = errNoEndpoint(w.Endpoint)
	}
	if err != nil {
		return err
	}
	return c.done("the endpoint is forgotten", hintEndpoints)
}
