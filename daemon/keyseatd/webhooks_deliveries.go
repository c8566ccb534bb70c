package main

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// webhooksDeliveries is the command keyseatd webhooks deliveries.
type webhooksDeliveries struct {
	databaseFlag
	outputFlag
	Endpoint string `help:"Only those to this endpoint." placeholder:"NAME"`
	Event    string `help:"Only those of this event." placeholder:"ID"`
	Count    int    `help:"At most so many, 0 for all." default:"100" validate:"min=0" placeholder:"N"`
}

// Help explains the output and shows examples.
func (*webhooksDeliveries) Help() string {
	return examples("Each attempt is a line. They are kept for 30 days; a key shows as its fingerprint, as it does in the log.",
		"keyseatd webhooks deliveries",
		"keyseatd webhooks deliveries --endpoint shop --count 0 --output json")
}

// Run lists the delivery attempts, the newest first.
func (w *webhooksDeliveries) Run(ctx context.Context, c stdio) error {
	return w.open(ctx, func(s *bunstore.Store) error {
		return list(c.out, w.outputFlag, deliveryHeader, mapped(w.deliveries(ctx, s), newDeliveryRow))
	})
}

func (w *webhooksDeliveries) deliveries(ctx context.Context, s outbox.Outbox) iter.Seq2[outbox.Delivery, error] {
	page := func(before int64, n int) ([]outbox.Delivery, error) {
		return s.Deliveries(ctx, w.Endpoint, w.Event, before, n)
	}
	all := paged(page, func(d outbox.Delivery) int64 { return d.Seq })
	return func(yield func(outbox.Delivery, error) bool) {
		n := 0
		for d, err := range all {
			if n++; !yield(d, err) || n == w.Count {
				return
			}
		}
	}
}

const deliveryHeader = "AT ENDPOINT~ EVENT TYPE ABOUT TRY? RESULT STATUS TOOK? NOTE~"

// A deliveryRow is one delivery attempt, as a row of a list.
type deliveryRow struct {
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

func newDeliveryRow(d outbox.Delivery) deliveryRow {
	return deliveryRow{
		view.Time(d.At), d.Subscriber, d.Event, d.Type, webhooks.Subject(d.Code, d.Country), d.Attempt, d.Result, d.Status, d.Took.Seconds(), d.Note,
	}
}

func (d deliveryRow) cells() []string {
	status := ""
	if d.Status != 0 {
		status = strconv.Itoa(d.Status)
	}
	took := time.Duration(d.Took * float64(time.Second)).Round(time.Millisecond)
	return []string{d.At.String(), d.Endpoint, d.Event, d.Type, d.About, strconv.Itoa(d.Try), string(d.Result), status, took.String(), d.Note}
}
