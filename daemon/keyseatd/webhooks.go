package main

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// webhooksCmd groups the commands on webhooks.
type webhooksCmd struct {
	List       webhooksList       `cmd:"" help:"Show the endpoints, and how much waits for each."`
	Deliveries webhooksDeliveries `cmd:"" help:"Show what was sent, the newest first."`
	Replay     webhooksReplay     `cmd:"" help:"Tell an endpoint again what has happened."`
	Resume     webhooksResume     `cmd:"" help:"Tell an endpoint that has answered 410 (gone) what it has missed, and what comes."`
	Forget     webhooksForget     `cmd:"" help:"Keep nothing more for an endpoint that was taken out of the file."`
	Test       webhooksTry        `cmd:"" help:"Send an endpoint a test."`
}

// checkEndpoint returns an error unless a subscriber with the given name exists.
func checkEndpoint(ctx context.Context, s outbox.Outbox, name string) error {
	all, err := s.Subscribers(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.Name == name {
			return nil
		}
	}
	return errNoEndpoint(name)
}

// An errNoEndpoint is the name of an endpoint that no daemon has registered as a subscriber.
type errNoEndpoint string

// Error names the endpoint and a command that lists the known ones.
func (e errNoEndpoint) Error() string {
	return "no daemon has served with an endpoint " + string(e) + " (keyseatd webhooks list shows those that are known)"
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
		return at, usageError{errSince}
	}
	return at, nil
}
