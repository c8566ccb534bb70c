package client

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// The pauses between two looks at a key: each is half as long again, since what has taken long will
// take longer.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 5 * time.Second
)

// Wait asks for a key's info until no upgrade or renew of it is open, and gives that info:
// [Info.Outcome] says how it ended. Give it a context that ends, because a task may take a quarter of
// an hour. While there is no answer, or a [RetryLaterError], it goes on; any other error ends it.
// A context that ends does so too, with its error and the last info that there was.
func (c *Client) Wait(ctx context.Context, code keys.Code) (Info, error) {
	var last Info
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		info, err := c.Info(ctx, code)
		later, is := errors.AsType[*RetryLaterError](err)
		switch {
		case err == nil && !info.Open():
			return info, nil
		case err == nil:
			last = info
		case is:
			pause = max(pause, later.RetryAfter)
		case !errors.Is(err, ErrNoAnswer):
			return info, err
		}
		if err := sleep(ctx, pause); err != nil {
			return last, err
		}
	}
}

// sleep lets d pass, or gives the context's error as soon as that has ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
