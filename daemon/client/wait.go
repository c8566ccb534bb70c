package client

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/keys"
)

// The pauses between two polls of a key. Each is 1.5 times as long as the one before, because a task
// that has taken long will probably take longer.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 5 * time.Second
)

// Wait calls Info until no upgrade or renew of the key is open, and returns the last info. [Info.Outcome]
// returns how the task ended.
//
// Use a context with a deadline, because a task may take a quarter of an hour. If the context ends, Wait
// returns its error and the latest info. Wait continues after [ErrNoAnswer] and after a [RetryLaterError];
// it returns any other error.
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
		if err := clock.Sleep(ctx, pause); err != nil {
			return last, err
		}
	}
}
