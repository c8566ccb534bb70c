package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// webhooksReplay is the command keyseatd webhooks replay.
type webhooksReplay struct {
	databaseFlag
	Endpoint string `arg:"" help:"The endpoint's name."`
	Event    string `help:"From this event of its key on." placeholder:"ID" xor:"what"`
	Key      string `help:"The whole history of this key, or what of it is --since." placeholder:"CODE" xor:"what"`
	Since    string `help:"All keys, from this time on: RFC 3339, a date (its first moment in UTC), or how long ago (24h)." placeholder:"TIME"`
}

// Help explains the order of events and shows examples.
func (*webhooksReplay) Help() string {
	return examples("A key is told in order, so that what follows is told again too. An event keeps its id, by which the endpoint "+
		"can tell what it knows already. What was before the endpoint was configured can be replayed too.",
		"keyseatd webhooks replay shop --event evt_0123456789abcdef0123456789abcdef",
		"keyseatd webhooks replay shop --key 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN",
		"keyseatd webhooks replay shop --since 2026-11-22T19:37:00Z")
}

var (
	errSince   = errors.New("--since must be a time (2026-11-22T19:37:00Z), a date or how long ago (24h)")
	errReplay  = errors.New("one of --event, --key and --since is needed")
	errNoEvent = errors.New("no such event was sent to this endpoint")
	errNoLine  = errors.New("this event is not part of a key's history, so it cannot be replayed")
)

// Run queues the events for delivery to the endpoint. The daemons send them.
func (w *webhooksReplay) Run(ctx context.Context, c stdio) error {
	since, err := parseSince(w.Since, time.Now())
	if err != nil {
		return err
	}
	if w.Event == "" && w.Key == "" && w.Since == "" {
		return usageError{errReplay}
	}
	var n int
	err = w.open(ctx, func(s *bunstore.Store) error {
		r := outbox.Replay{Subscriber: w.Endpoint, Since: since, Causes: webhooks.EventTypes()}
		if err := w.choose(ctx, s, &r); err != nil {
			return err
		}
		n, err = s.Replay(ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	return c.done(fmt.Sprintf("%d keys are told again", n), hintEndpoints+" with what waits for each")
}

// choose sets the key to replay, and with --event also the position in its history. With --since alone it
// sets neither. It returns an error if the endpoint, the key or the event does not exist.
func (w *webhooksReplay) choose(ctx context.Context, s *bunstore.Store, r *outbox.Replay) (err error) {
	if err := checkEndpoint(ctx, s, w.Endpoint); err != nil {
		return err
	}
	switch {
	case w.Key != "":
		if r.Code, err = keys.ParseTyped(w.Key); err != nil {
			return err
		}
		v, err := operatorEngine(s).Snapshot(ctx, r.Code)
		if err == nil && !v.Key.Exists() {
			err = tasks.ErrNoKey
		}
		return err
	case w.Event != "":
		told, err := s.Deliveries(ctx, w.Endpoint, w.Event, 0, 1)
		switch {
		case err != nil:
			return err
		case len(told) == 0:
			return errNoEvent
		case told[0].Code == "":
			return errNoLine
		}
		r.Code, r.After = told[0].Code, told[0].Line-1
	}
	return nil
}
