package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/daemon/webhooks"
)

// webhooksTry is the command keyseatd webhooks test.
type webhooksTry struct {
	endpointFlags
	Endpoint string `arg:"" help:"The endpoint's name in the file."`
}

// Help explains the test and shows an example.
func (*webhooksTry) Help() string {
	return examples("The test is a signed event of the type webhook.test, sent once and from here; it needs no database.",
		"keyseatd webhooks test shop --webhook-file hooks.json")
}

// Run sends one test event and prints the result.
func (w *webhooksTry) Run(ctx context.Context, c stdio) error {
	if w.WebhookFile == "" {
		return usageError{errors.New("--webhook-file is missing: name the JSON file of the endpoints")}
	}
	file, err := w.endpoints()
	if err != nil {
		return err
	}
	all, err := file.Endpoints()
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Name == w.Endpoint {
			return w.send(ctx, c, e)
		}
	}
	return fmt.Errorf("no endpoint %s in %s", w.Endpoint, w.WebhookFile)
}

func (w *webhooksTry) send(ctx context.Context, c stdio, e webhooks.Endpoint) error {
	start := time.Now()
	answer := webhooks.Send(ctx, webhooks.Client(w.policy()), e, webhooks.NewTestEvent(rand.Text(), start))
	switch {
	case answer.Status == 0:
		return errors.New(answer.Note)
	case !answer.OK():
		return fmt.Errorf("the endpoint answered with status %d", answer.Status)
	}
	stored := fmt.Sprintf("the endpoint has answered %d after %v", answer.Status, time.Since(start).Round(time.Millisecond))
	return c.done(stored, "a second test does no harm")
}
