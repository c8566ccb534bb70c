package main

import (
	"context"
	"errors"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// webhooksResume is the command keyseatd webhooks resume.
type webhooksResume struct {
	databaseFlag
	Endpoint string `arg:"" help:"The endpoint's name."`
}

// Help shows an example.
func (*webhooksResume) Help() string { return examples("", "keyseatd webhooks resume shop") }

// Run makes the daemons send to the endpoint again.
func (w *webhooksResume) Run(ctx context.Context, c stdio) error {
	err := w.open(ctx, func(s *bunstore.Store) error { return s.Resume(ctx, w.Endpoint) })
	if errors.Is(err, outbox.ErrNoSubscriber) {
		err = errNoEndpoint(w.Endpoint)
	}
	if err != nil {
		return err
	}
	return c.done("the endpoint is told again", hintEndpoints)
}
