package daemon

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
)

// A Register is where the daemons that share a database count strangers together. It is safe for
// concurrent use.
type Register interface {
	// Attend notes that the daemon of that name is there for so long from now, and gives how many are.
	Attend(ctx context.Context, name string, ttl time.Duration) (daemons int, err error)
	// CountStrangers adds the unknown keys that each block of addresses has named to those of its
	// minute, which begins with the first. It tells of each block, once, how many these are now and
	// what is left of the minute, more than nothing. After an error they may have been added or not.
	CountStrangers(ctx context.Context, unknown map[netip.Prefix]int, tell func(block netip.Prefix, unknown int, left time.Duration)) error
}

// The paces of a fleet.
const (
	signEvery  = 10 * time.Second       // between a daemon's signs of life
	signHolds  = 3 * signEvery          // so that one may be lost
	countWait  = 250 * time.Millisecond // of a call for what the others have counted
	flightTime = 2 * time.Second        // of one count; what comes meanwhile waits for the next
)

// Join makes strangers be counted in the register too. It is called before their first use.
func (s *Strangers) Join(r Register) {
	s.fleet = &fleet{register: r, name: rand.Text(), hear: s.hear, next: newFlight()}
}

// Attend leaves signs of life in the register, if one was joined, until the context ends. From them all
// daemons know how many they are.
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

// share is what a daemon may allow by itself: an equal part, or one while it has never heard how many
// there are.
func (f *fleet) share(limit int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.daemons == 0 {
		return 1
	}
	return max(1, limit/f.daemons)
}
