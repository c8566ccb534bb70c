package daemon

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
)

// A Register counts unknown keys for all daemons that share a database. It is safe for concurrent
// use.
type Register interface {
	// Attend records a heartbeat: the daemon of that name is alive for ttl from now. It returns the
	// number of live daemons.
	Attend(ctx context.Context, name string, ttl time.Duration) (daemons int, err error)
	// CountStrangers adds the unknown keys of each address block to the block's current one-minute
	// window. A window starts with the block's first unknown key. For each block it calls tell
	// once, with the new total and the time left in the window, which is positive. After an error,
	// the counts may have been added or not.
	CountStrangers(ctx context.Context, unknown map[netip.Prefix]int, tell func(block netip.Prefix, unknown int, left time.Duration)) error
}

// The times of the shared counter.
const (
	signEvery  = 10 * time.Second       // between the heartbeats of a daemon
	signHolds  = 3 * signEvery          // tolerates a missed heartbeat
	countWait  = 250 * time.Millisecond // how long a call waits for the counts of other daemons
	flightTime = 2 * time.Second        // timeout of a heartbeat and of a batch; later counts wait for the next batch
)

// Join makes s count unknown keys in a register too. Call it before the first use of s.
func (s *Strangers) Join(r Register) {
	s.fleet = &fleet{register: r, name: rand.Text(), hear: s.hear, next: newFlight()}
}

// Attend sends heartbeats to the register until ctx ends. They let each daemon know how many
// daemons there are. Without a register Attend returns immediately.
func (s *Strangers) Attend(ctx context.Context, log *slog.Logger) {
	if s.fleet == nil {
		return
	}
	sign := time.NewTicker(signEvery)
	defer sign.Stop()
	var lines loglimit.Limiter
	const message = "cannot count unknown keys with the other daemons, the limit is stricter meanwhile"
	for ctx.Err() == nil {
		switch err := s.fleet.attend(ctx); {
		case err == nil:
			lines.Recovered(ctx, message)
		case ctx.Err() == nil:
			lines.Log(ctx, log, loglimit.Event{
				Subject: message, Level: slog.LevelWarn, Message: message, Attrs: []slog.Attr{slog.String("error", err.Error())},
			})
		}
		select {
		case <-ctx.Done():
		case <-sign.C:
		}
	}
}

func (f *fleet) attend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flightTime)
	defer cancel()
	n, err := f.register.Attend(ctx, f.name, signHolds)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.daemons = n
	return nil
}

// share returns how many unknown keys a daemon may allow by itself: an equal share of the limit, at
// least 1. It is 1 while the number of daemons is unknown.
func (f *fleet) share(limit int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.daemons == 0 {
		return 1
	}
	return max(1, limit/f.daemons)
}
