package daemon_test

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

	"github.com/keyseat/keyseat/daemon"
)

// A register keeps windows in memory. It can be made slow or failing.
type register struct {
	mu         sync.Mutex
	ends       map[netip.Prefix]time.Time
	unknown    map[netip.Prefix]int
	names      map[string]bool
	statements int
	takes      time.Duration
	fails      error
}

func newRegister() *register {
	return &register{ends: map[netip.Prefix]time.Time{}, unknown: map[netip.Prefix]int{}, names: map[string]bool{}}
}

func (r *register) Attend(_ context.Context, name string, _ time.Duration) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name] = true
	return len(r.names), r.fails
}

func (r *register) CountStrangers(ctx context.Context, unknown map[netip.Prefix]int, tell func(netip.Prefix, int, time.Duration)) error {
	r.mu.Lock()
	r.statements++
	takes, fails := r.takes, r.fails
	r.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if fails != nil {
		return fails
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for b, n := range unknown {
		if !time.Now().Before(r.ends[b]) {
			r.ends[b], r.unknown[b] = time.Now().Add(time.Minute), 0
		}
		r.unknown[b] += n
		tell(b, r.unknown[b], time.Until(r.ends[b]))
	}
	return nil
}

func (r *register) is(takes time.Duration, fails error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takes, r.fails = takes, fails
}

// fleet returns daemons that count in one register and know each other.
func fleet(t *testing.T, r *register, daemons, limit int) []*daemon.Strangers {
	t.Helper()
	all := make([]*daemon.Strangers, daemons)
	for i := range all {
		s, err := daemon.NewStrangers(limit, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		s.Join(r)
		all[i] = s
		go s.Attend(t.Context(), slog.New(slog.DiscardHandler))
	}
	time.Sleep(15 * time.Second) // for each to have signed in once more
	return all
}

var stranger = netip.MustParseAddr("192.0.2.1")

// guess makes an address guess each times at each daemon, simultaneously or one after another. It
// returns how many guesses were not refused.
func guess(t *testing.T, all []*daemon.Strangers, each int, atOnce bool) int {
	t.Helper()
	var told atomic.Int64
	var group sync.WaitGroup
	for range each {
		for _, s := range all {
			group.Go(func() {
				switch wait := s.Count(t.Context(), stranger); {
				case wait == 0:
					told.Add(1)
				case wait < 0 || wait > time.Minute:
					t.Errorf("refused for %s", wait)
				}
			})
			if !atOnce {
				group.Wait()
			}
		}
	}
	group.Wait()
	return int(told.Load())
}

func TestStrangersAreCountedByAllDaemonsTogether(t *testing.T) {
	for _, atOnce := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRegister()
			all := fleet(t, r, 3, 30)
			r.is(time.Millisecond, nil)
			for range 3 {
				if told := guess(t, all, 50, atOnce); told != 30 {
					t.Errorf("%d were told, of 150 at once: %t", told, atOnce)
				}
				for _, s := range all {
					if wait := s.Refuse(stranger); wait <= 0 || wait > time.Minute {
						t.Errorf("a daemon refuses for %s", wait)
					}
				}
				time.Sleep(time.Minute)
			}
		})
	}
}

// TestStrangersOfASlowRegister checks that each daemon then allows its share, and remembers the
// addresses that are over it.
func TestStrangersOfASlowRegister(t *testing.T) {
	const late = time.Second // an answer comes, and counts for what follows
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
		{0, errors.New("away"), 4, 2, 4}, // not less than one each
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRegister()
			all := fleet(t, r, c.daemons, c.limit)
			r.is(c.takes, c.fails)
			for range 2 {
				if told := guess(t, all, c.want/c.daemons+2, false); told != c.want {
					t.Errorf("%d were told, not %d: %+v", told, c.want, c)
				}
				for _, s := range all {
					if s.Refuse(stranger) == 0 && c.takes != late {
						t.Errorf("a daemon refuses nothing: %+v", c)
					}
				}
				time.Sleep(time.Minute)
			}
			r.is(0, nil)
			time.Sleep(2 * time.Minute)
			if told := guess(t, all, 40, true); told != c.limit {
				t.Errorf("%d were told once the register was well: %+v", told, c)
			}
		})
	}
}

// TestAnUnknownFleetAllowsOne checks a daemon that does not know the number of daemons: it allows
// one unknown key.
func TestAnUnknownFleetAllowsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegister()
		r.is(0, errors.New("away"))
		if told := guess(t, fleet(t, r, 1, 30), 40, false); told != 1 {
			t.Errorf("%d were told", told)
		}
	})
}

// TestFewStatementsForManyStrangers checks that guesses wait for the running statement and then
// share the next one. No statement is made for trusted or refused addresses.
func TestFewStatementsForManyStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegister()
		s := fleet(t, r, 1, 30)[0]
		r.is(100*time.Millisecond, nil)
		var group sync.WaitGroup
		for i := range 5000 {
			a := netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
			group.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Microsecond)
				if s.Count(t.Context(), a) != 0 || s.Count(t.Context(), netip.MustParseAddr("10.1.2.3")) != 0 {
					t.Errorf("%s is refused", a)
				}
			})
		}
		group.Wait()
		if r.statements == 0 || r.statements > 4 {
			t.Errorf("%d statements in a quarter of a second", r.statements)
		}
		guess(t, []*daemon.Strangers{s}, 30, false)
		before := r.statements
		guess(t, []*daemon.Strangers{s}, 100, true)
		if r.statements != before {
			t.Errorf("%d statements for an address that is refused", r.statements-before)
		}
	})
}
