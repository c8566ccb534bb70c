package main

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

type webhooksList struct{ databaseList }

func (w *webhooksList) Run(ctx context.Context, c stdio) error {
	return w.open(ctx, func(s *bunstore.Store) error {
		all, err := s.Subscribers(ctx)
		if err != nil {
			return err
		}
		return terminal.PrintList(c.out, w.Output, endpointTable, seq.Map(seq.All(all), newEndpoint))
	})
}

var endpointTable = terminal.Layout[endpoint]{
	Header: "ENDPOINT STATE WAITING SINCE KEPT_UNTIL?",
	Cells: func(e endpoint) []string {
		return []string{e.Name, e.State, strconv.Itoa(e.Waiting), e.Since.String(), e.Until.String()}
	},
}

// An endpoint is a row of the list of endpoints. Waiting is the number of its queued deliveries: up to one for each
// key, and up to one for each country that is low in stock.
type endpoint struct {
	Name    string    `json:"endpoint"`
	State   string    `json:"state"` // live or gone
	Waiting int       `json:"waiting"`
	Since   view.Time `json:"waiting_since"`
	Gone    view.Time `json:"gone_since"`
	Until   view.Time `json:"kept_until"`
}

func newEndpoint(s outbox.Subscriber) endpoint {
	state := "live"
	if !s.Disabled.IsZero() {
		state = "gone"
	}
	return endpoint{s.Name, state, s.Waiting, view.Time{Time: s.Since}, view.Time{Time: s.Disabled}, view.Time{Time: s.ExpiresAt}}
}

type webhooksDeliveries struct {
	databaseList
	Endpoint string `help:"Only deliveries to this endpoint." placeholder:"NAME"`
	Event    string `help:"Only deliveries of this event." placeholder:"ID"`
	Count    int    `help:"Maximum number of attempts, 0 for all." default:"100" validate:"min=0" placeholder:"N"`
}

func (w *webhooksDeliveries) Run(ctx context.Context, c stdio) error {
	return w.open(ctx, func(s *bunstore.Store) error {
		k, err := s.FingerprintKey(ctx, daemon.NewFingerprintKey())
		if err != nil {
			return err
		}
		row := func(d outbox.Delivery) delivery { return newDelivery(d, k) }
		page := func(before int64, n int) ([]outbox.Delivery, error) {
			return s.Deliveries(ctx, w.Endpoint, w.Event, before, n)
		}
		all := limited(w.Count, seq.Pages(0, pageSize, page, func(d outbox.Delivery) int64 { return d.Seq }), new(int))
		return terminal.PrintList(c.out, w.Output, deliveryTable, seq.Map(all, row))
	})
}

var deliveryTable = terminal.Layout[delivery]{
	Header: "AT ENDPOINT~ EVENT TYPE ABOUT TRY? RESULT STATUS TOOK? NOTE~",
	Cells: func(d delivery) []string {
		status := ""
		if d.Status != 0 {
			status = strconv.Itoa(d.Status)
		}
		took := time.Duration(d.Took * float64(time.Second)).Round(time.Millisecond)
		return []string{d.At.String(), d.Endpoint, d.Event, d.Type, d.About, strconv.Itoa(d.Try), string(d.Result), status, took.String(), d.Note}
	},
}

// A delivery is a row of the list of delivery attempts.
type delivery struct {
	At       view.Time     `json:"at"`
	Endpoint string        `json:"endpoint"`
	Event    string        `json:"event"`
	Type     string        `json:"type"`
	About    string        `json:"about"` // a key's fingerprint, or a country
	Try      int           `json:"try"`
	Result   outbox.Result `json:"result"`
	Status   int           `json:"status"` // 0: no response
	Took     float64       `json:"seconds"`
	Note     string        `json:"note"`
}

func newDelivery(d outbox.Delivery, k keys.FingerprintKey) delivery {
	return delivery{
		view.Time{Time: d.At}, d.Subscriber, d.Event, d.Type, webhooks.Subject(d.Code, d.Country, k), d.Attempt, d.Result, d.Status, d.Took.Seconds(), d.Note,
	}
}

// endpointFlags select the webhook endpoints and restrict their addresses.
type endpointFlags struct {
	WebhookFile      string `placeholder:"FILE" help:"JSON file of the endpoints that receive events: [{\"name\", \"url\", \"secrets\", \"events\", \"stock_low\"}]. It is read again when it changes."`
	WebhookPrivate   bool   `help:"Allow webhooks to addresses that are not public."`
	WebhookPlaintext bool   `help:"Allow webhooks over http://."`
	proxyFlag
}

type proxyFlag struct {
	OutboundProxy string `default:"on" enum:"on,off" placeholder:"on|off" help:"Obey HTTP_PROXY, HTTPS_PROXY and NO_PROXY for the connector and for webhooks: on or off."`
}

func (f proxyFlag) noProxy() bool { return f.OutboundProxy == "off" }

func (f endpointFlags) policy() webhooks.Policy {
	return webhooks.Policy{Private: f.WebhookPrivate, Plaintext: f.WebhookPlaintext, NoProxy: f.noProxy()}
}

// endpoints opens the file of endpoints. It returns nil if the flags name no file, and an error if the file is invalid.
func (f endpointFlags) endpoints() (*webhooks.File, error) {
	if f.WebhookFile == "" {
		return nil, nil //nolint:nilnil // the flags name no file
	}
	file, err := webhooks.Open(f.WebhookFile, f.policy())
	return file, withName("--webhook-file", err)
}

// lowStock returns a function that returns the low-stock threshold of a country, in free slots. It is the highest
// threshold that an endpoint has for the country. The function returns false if no endpoint has one. Without a file of
// endpoints, lowStock returns nil.
func (f endpointFlags) lowStock() (func(stock.Country) (int, bool), error) {
	file, err := f.endpoints()
	if file == nil {
		return nil, err
	}
	return func(country stock.Country) (int, bool) {
		all, _ := file.Endpoints() // the dispatcher logs the error
		return webhooks.LowThreshold(all, country)
	}, err
}

type webhookFlags struct {
	endpointFlags
	WebhookBackoff time.Duration `default:"5s" validate:"min=1ms,max=15m" placeholder:"5s" help:"First pause after a failed delivery. It doubles up to 15m."`
	WebhookDays    int           `default:"3" validate:"min=1,max=28" placeholder:"N" help:"Number of days after which a delivery is given up."`
}

// runWithWebhooks runs the server. If the flags name a file of endpoints, it also runs a webhook dispatcher until
// the server has stopped.
func (f webhookFlags) runWithWebhooks(ctx context.Context, server *daemon.Server, outbox outbox.Outbox, engine tasks.Engine, log *slog.Logger) error {
	file, err := f.endpoints()
	if err != nil {
		return err
	}
	if file == nil {
		return server.Run(ctx)
	}
	dispatcher := webhooks.New(outbox, file.Endpoints, webhooks.Client(f.policy()))
	dispatcher.Retry.Backoff, dispatcher.Retry.MaxAge = f.WebhookBackoff, time.Duration(f.WebhookDays)*24*time.Hour
	dispatcher.Stock, dispatcher.Key, dispatcher.Fingerprints, dispatcher.Log = engine.Stock, engine.Info, engine.Fingerprints, log
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
