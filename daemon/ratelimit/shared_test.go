package ratelimit_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/ratelimit"
)

// A database keeps the windows of all daemons in memory. It can be made slow or failing.
type database struct {
	mu         sync.Mutex
	ends       map[netip.Prefix]time.Time
	totals     map[netip.Prefix]int
	daemons    map[string]bool
	statements int
	takes      time.Duration
	fails      error
}

func newDatabase() *database {
	return &database{ends: map[netip.Prefix]time.Time{}, totals: map[netip.Prefix]int{}, daemons: map[string]bool{}}
}

func (d *database) Heartbeat(_ context.Context, name string, _ time.Duration) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.daemons[name] = true
	return len(d.daemons), d.fails
}

func (d *database) CountUnknownKeys(ctx context.Context, counts map[netip.Prefix]int, yield func(netip.Prefix, int, time.Duration)) error {
	d.mu.Lock()
	d.statements++
	takes, fails := d.takes, d.fails
	d.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if fails != nil {
		return fails
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for b, n := range counts {
		if !time.Now().Before(d.ends[b]) {
			d.ends[b], d.totals[b] = time.Now().Add(time.Minute), 0
		}
		d.totals[b] += n
		yield(b, d.totals[b], time.Until(d.ends[b]))
	}
	return nil
}

func (d *database) set(takes time.Duration, fails error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes, d.fails = takes, fails
}

// newLimiters returns the limiters of several daemons, which share a database and know their number.
func newLimiters(t *testing.T, d *database, daemons, limit int) []*ratelimit.Limiter {
	t.Helper()
	all := make([]*ratelimit.Limiter, daemons)
	for i := range all {
		l, err := ratelimit.New(limit, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		l.UseShared(d)
		all[i] = l
		go l.SendHeartbeats(t.Context(), slog.New(slog.DiscardHandler))
	}
	time.Sleep(15 * time.Second) // two heartbeats of each
	return all
}

var client = netip.MustParseAddr("192.0.2.1")

// guess lets one address guess each times at each daemon, simultaneously or one after another. It
// returns how many guesses were not blocked.
func guess(t *testing.T, all []*ratelimit.Limiter, each int, simultaneous bool) int {
	t.Helper()
	var passed atomic.Int64
	var group sync.WaitGroup
	for range each {
		for _, l := range all {
			group.Go(func() {
				switch wait := l.Record(t.Context(), client); {
				case wait == 0:
					passed.Add(1)
				case wait < 0 || wait > time.Minute:
					t.Errorf("blocked for %s", wait)
				}
			})
			if !simultaneous {
				group.Wait()
			}
		}
	}
	group.Wait()
	return int(passed.Load())
}

func TestSharedLimitHoldsForAllDaemonsTogether(t *testing.T) {
	for _, simultaneous := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := newDatabase()
			all := newLimiters(t, d, 3, 30)
			d.set(time.Millisecond, nil)
			for range 3 {
				if passed := guess(t, all, 50, simultaneous); passed != 30 {
					t.Errorf("%d of 150 guesses passed, simultaneous: %t", passed, simultaneous)
				}
				for _, l := range all {
					if wait := l.Blocked(client); wait <= 0 || wait > time.Minute {
						t.Errorf("a daemon blocks for %s", wait)
					}
				}
				time.Sleep(time.Minute)
			}
		})
	}
}

// TestDaemonsAllowTheirShareWithoutDatabase tests a database that is slow or fails. Each daemon then
// allows its share, and remembers the addresses that are over it.
func TestDaemonsAllowTheirShareWithoutDatabase(t *testing.T) {
	const late = time.Second // a result comes after the wait, and counts for later guesses
	for _, c := range []struct {
		takes          time.Duration
		fails          error
		daemons, limit int
		want           int
	}{
		{late, nil, 3, 30, 30},
		{time.Hour, nil, 3, 30, 30},
		{0, errors.New("away"), 3, 30, 30},
		{0, errors.New("away"), 8, 30, 24},
		{0, errors.New("away"), 4, 2, 4}, // at least one each
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDatabase()
			all := newLimiters(t, d, c.daemons, c.limit)
			d.set(c.takes, c.fails)
			for range 2 {
				if passed := guess(t, all, c.want/c.daemons+2, false); passed != c.want {
					t.Errorf("%d guesses passed, not %d: %+v", passed, c.want, c)
				}
				for _, l := range all {
					if l.Blocked(client) == 0 && c.takes != late {
						t.Errorf("a daemon does not block: %+v", c)
					}
				}
				time.Sleep(time.Minute)
			}
			d.set(0, nil)
			time.Sleep(2 * time.Minute)
			if passed := guess(t, all, 40, true); passed != c.limit {
				t.Errorf("%d guesses passed after the database recovered: %+v", passed, c)
			}
		})
	}
}

func TestDaemonWithoutHeartbeatAllowsOneUnknownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase()
		d.set(0, errors.New("away"))
		if passed := guess(t, newLimiters(t, d, 1, 30), 40, false); passed != 1 {
			t.Errorf("%d guesses passed", passed)
		}
	})
}

// TestGuessesShareStatements tests that guesses wait for the running statement and then share the
// next one. No statement is made for trusted or blocked addresses.
func TestGuessesShareStatements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase()
		l := newLimiters(t, d, 1, 30)[0]
		d.set(100*time.Millisecond, nil)
		var group sync.WaitGroup
		for i := range 2500 { // fewer than the limit of all clients together
			a := netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
			group.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Microsecond)
				if l.Record(t.Context(), a) != 0 || l.Record(t.Context(), netip.MustParseAddr("10.1.2.3")) != 0 {
					t.Errorf("%s is blocked", a)
				}
			})
		}
		group.Wait()
		if d.statements == 0 || d.statements > 4 {
			t.Errorf("%d statements in a quarter of a second", d.statements)
		}
		guess(t, []*ratelimit.Limiter{l}, 30, false)
		before := d.statements
		guess(t, []*ratelimit.Limiter{l}, 100, true)
		if d.statements != before {
			t.Errorf("%d statements for an address that is blocked", d.statements-before)
		}
	})
}
