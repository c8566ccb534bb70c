package ratelimit

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
)

// A SharedCounter counts unknown keys for all daemons that share a database. It is safe for
// concurrent use.
type SharedCounter interface {
	// Heartbeat records that the daemon of that name is alive for ttl from now. It returns the number
	// of live daemons.
	Heartbeat(ctx context.Context, name string, ttl time.Duration) (daemons int, err error)

	// CountUnknownKeys adds counts of unknown keys per address block to the block's current one-minute
	// window. A window starts with the block's first unknown key. For each block it calls yield once,
	// with the new total and the time left in the window, which is positive. After an error, the counts
	// may have been added or not.
	CountUnknownKeys(ctx context.Context, counts map[netip.Prefix]int, yield func(block netip.Prefix, total int, left time.Duration)) error
}

const (
	heartbeatEvery = 10 * time.Second
	heartbeatTTL   = 3 * heartbeatEvery // tolerates two missed heartbeats
)

// sendHeartbeats sends heartbeats until ctx ends.
func (c *counter) sendHeartbeats(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	var repeated loglimit.Limiter
	const message = "cannot count unknown keys with the other daemons, the limit is stricter meanwhile"
	for ctx.Err() == nil {
		switch err := c.heartbeat(ctx); {
		case err == nil:
			repeated.Recovered(ctx, message)
		case ctx.Err() == nil:
			repeated.Log(ctx, log, loglimit.Event{
				Subject: message, Level: slog.LevelWarn, Message: message, Attrs: []slog.Attr{slog.String("error", err.Error())},
			})
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (c *counter) heartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	n, err := c.shared.Heartbeat(ctx, c.name, heartbeatTTL)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.daemons = n
	return nil
}

// localShare returns how many unknown keys this daemon may allow without the shared counter: an equal
// share of the limit, at least 1. It is 1 while the number of daemons is unknown.
func (c *counter) localShare(limit int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.daemons == 0 {
		return 1
	}
	return max(1, limit/c.daemons)
}
