package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

type webhooksCmd struct {
	List       webhooksList       `cmd:"" help:"List the endpoints, with the number of queued deliveries."`
	Deliveries webhooksDeliveries `cmd:"" help:"List delivery attempts, the newest first."`
	Replay     webhooksReplay     `cmd:"" help:"Send past events to an endpoint again."`
	Resume     webhooksResume     `cmd:"" help:"Send events again to an endpoint that answered 410 (Gone), with those that it missed."`
	Forget     webhooksForget     `cmd:"" help:"Delete an endpoint that was removed from the file, and its queued deliveries."`
	Test       webhooksTest       `cmd:"" help:"Send an example of each event to an endpoint."`
}

type webhooksReplay struct {
	endpointArg
	Event string `help:"Start with this event of its key." placeholder:"ID" xor:"what"`
	Key   string `help:"Only the history of this key, since --since if given." placeholder:"CODE" xor:"what"`
	Since string `help:"Start at this time: RFC 3339, a date (its first moment in UTC), or a duration before now (24h)." placeholder:"TIME"`
}

// Run queues the events for delivery to the endpoint. The daemons send them.
func (w *webhooksReplay) Run(ctx context.Context, c stdio) error {
	since, err := parseSince(w.Since, time.Now())
	if err != nil {
		return err
	}
	if w.Event == "" && w.Key == "" && w.Since == "" {
		return usageError{errors.New("one of --event, --key and --since is needed")}
	}
	var n int
	err = w.open(ctx, func(s *bunstore.Store) error {
		r := outbox.Replay{Subscriber: w.Endpoint, Since: since, Causes: webhooks.EventTypes()}
		if err := w.selectKey(ctx, s, &r); err != nil {
			return err
		}
		if n, err = s.Replay(ctx, r); err == nil {
			c.audit(ctx, s, "webhooks replay", n)
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.done(fmt.Sprintf("queued for delivery: %d keys", n), hintEndpoints+" with their queued deliveries")
}

// selectKey sets the key to replay. With --event it also sets the position in the key's history from which to replay.
// With --since alone it sets neither. It returns an error if the endpoint, the key or the event does not exist.
func (w *webhooksReplay) selectKey(ctx context.Context, s *bunstore.Store, r *outbox.Replay) error {
	all, err := s.Subscribers(ctx)
	if err == nil && !slices.ContainsFunc(all, func(s outbox.Subscriber) bool { return s.Name == w.Endpoint }) {
		err = endpointError(w.Endpoint, outbox.ErrNoSubscriber)
	}
	if err != nil {
		return err
	}
	switch {
	case w.Key != "":
		if r.Code, err = keys.ParseTyped(w.Key); err != nil {
			return err
		}
		v, err := operatorEngine(s).Snapshot(ctx, r.Code)
		if err == nil && !v.Key.Exists() {
			err = withFindHint(tasks.ErrNoKey)
		}
		return err
	case w.Event != "":
		sent, err := s.Deliveries(ctx, w.Endpoint, w.Event, 0, 1)
		switch {
		case err != nil:
			return err
		case len(sent) == 0:
			return errors.New("no such event was sent to this endpoint")
		case sent[0].Code == "":
			return errors.New("this event is not part of a key's history, so it cannot be replayed")
		}
		r.Code, r.After = sent[0].Code, sent[0].Line-1
	}
	return nil
}

// endpointError adds the endpoint's name to [outbox.ErrNoSubscriber], and a command that lists the known
// endpoints. It returns every other error unchanged.
func endpointError(name string, err error) error {
	if errors.Is(err, outbox.ErrNoSubscriber) {
		return fmt.Errorf("no daemon has served with an endpoint %s (keyseatd webhooks list shows the known endpoints)", name)
	}
	return err
}

// parseSince parses a time: RFC 3339, a date, or a duration before now. An empty text gives the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := csvfile.ParseTime(text)
	if err != nil {
		return at, usageError{errors.New("--since must be a time (2026-11-22T19:37:00Z), a date or a duration before now (24h)")}
	}
	return at, nil
}

type endpointArg struct {
	databaseFlag
	Endpoint string `arg:"" help:"The endpoint's name."`
}

// update calls the function change with the endpoint's name, and records the action in the audit log. Then it prints
// the text of the argument stored.
func (e endpointArg) update(ctx context.Context, c stdio, action string, change func(*bunstore.Store, context.Context, string) error, stored string) error {
	err := e.change(ctx, c, stored, hintEndpoints, func(s *bunstore.Store) error {
		err := change(s, ctx, e.Endpoint)
		if err == nil {
			c.audit(ctx, s, action, 1)
		}
		return err
	})
	return endpointError(e.Endpoint, err)
}

type webhooksResume struct{ endpointArg }

func (w *webhooksResume) Run(ctx context.Context, c stdio) error {
	return w.update(ctx, c, "webhooks resume", (*bunstore.Store).Resume, "the endpoint receives events again")
}

type webhooksForget struct{ endpointArg }

func (w *webhooksForget) Run(ctx context.Context, c stdio) error {
	return w.update(ctx, c, "webhooks forget", (*bunstore.Store).Unsubscribe, "the endpoint is forgotten")
}

type webhooksTest struct {
	endpointFlags
	Endpoint string `arg:"" help:"The endpoint's name in the file."`
}

func (w *webhooksTest) Run(ctx context.Context, c stdio) error {
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
	i := slices.IndexFunc(all, func(e webhooks.Endpoint) bool { return e.Name == w.Endpoint })
	if i < 0 {
		return fmt.Errorf("no endpoint %s in %s", w.Endpoint, w.WebhookFile)
	}
	return w.send(ctx, c, all[i])
}

// send sends an example of each event that the endpoint wants, and stops after a failed delivery.
func (w *webhooksTest) send(ctx context.Context, c stdio, e webhooks.Endpoint) error {
	client := webhooks.Client(w.policy())
	for _, example := range webhooks.ExampleEvents(rand.Text(), time.Now()) {
		if !e.Wants(example.Type) {
			continue
		}
		start := time.Now()
		answer := webhooks.Send(ctx, client, e, example)
		switch {
		case answer.Status == 0:
			return fmt.Errorf("%s: %s", example.Type, answer.Note)
		case !answer.OK():
			return fmt.Errorf("%s: the endpoint answered with status %d", example.Type, answer.Status)
		}
		result := fmt.Sprintf("%s: the endpoint has answered %d after %v", example.Type, answer.Status, time.Since(start).Round(time.Millisecond))
		if err := c.done(result, "a second test does no harm"); err != nil {
			return err
		}
	}
	return nil
}
