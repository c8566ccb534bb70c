package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// endpointFlags select the webhook endpoints and restrict their addresses.
type endpointFlags struct {
	WebhookFile      string `placeholder:"FILE" help:"JSON file of the endpoints that receive events: [{\"name\", \"url\", \"secrets\", \"events\", \"stock_low\"}]. It is read again when it changes."`
	WebhookPrivate   bool   `help:"Allow webhooks to addresses that are not public."`
	WebhookPlaintext bool   `help:"Allow webhooks over http://."`
	OutboundProxy    string `default:"on" enum:"on,off" placeholder:"on|off" help:"Obey HTTP_PROXY, HTTPS_PROXY and NO_PROXY for the connector and for webhooks: on or off."`
}

// noProxy reports whether the proxy variables are ignored.
func (f endpointFlags) noProxy() bool { return f.OutboundProxy == "off" }

// policy returns the restrictions of the addresses.
func (f endpointFlags) policy() webhooks.Policy {
	return webhooks.Policy{Private: f.WebhookPrivate, Plaintext: f.WebhookPlaintext, NoProxy: f.noProxy()}
}

// endpoints opens the file of endpoints. It returns an error if the file is invalid.
func (f endpointFlags) endpoints() (*webhooks.File, error) {
	file, err := webhooks.Open(f.WebhookFile, f.policy())
	return file, withName("--webhook-file", err)
}

// webhookFlags set the retries of webhooks.
type webhookFlags struct {
	endpointFlags
	WebhookBackoff time.Duration `default:"5s" validate:"min=1ms,max=15m" placeholder:"5s" help:"First pause after a failed delivery. It doubles up to 15m."`
	WebhookDays    int           `default:"3" validate:"min=1,max=28" placeholder:"N" help:"Number of days after which a delivery is given up."`
}

// checkWebhooks returns an error if the file of endpoints is invalid.
func (f webhookFlags) checkWebhooks() error {
	if f.WebhookFile == "" {
		return nil
	}
	_, err := f.endpoints()
	return err
}

// runWithWebhooks runs the server. If the flags name a file of endpoints, it also runs a webhook dispatcher until
// the server has stopped.
func (f webhookFlags) runWithWebhooks(ctx context.Context, server *daemon.Server, outbox outbox.Outbox, engine tasks.Engine, log *slog.Logger) error {
	if f.WebhookFile == "" {
		return server.Run(ctx)
	}
	file, err := f.endpoints()
	if err != nil {
		return err
	}
	dispatcher := webhooks.New(outbox, file.Endpoints, webhooks.Client(f.policy()))
	dispatcher.Retry.Backoff, dispatcher.Retry.MaxAge = f.WebhookBackoff, time.Duration(f.WebhookDays)*24*time.Hour
	dispatcher.Stock, dispatcher.Log = engine.Stock, log
	observe := server.Pool.Observe
	server.Pool.Observe = func(r tasks.Report) {
		observe(r)
		dispatcher.Wake()
	}
	working, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() { dispatcher.Run(working, server.Drain) })
	return server.Run(ctx)
}
