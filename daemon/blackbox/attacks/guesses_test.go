package attacks_test

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestGuessedKeysAreLimited checks that an address gets a limited number of answers for unknown keys per minute, also
// for simultaneous requests. Other clients are not affected.
func TestGuessedKeysAreLimited(t *testing.T) {
	harness.ParallelUnlessScaled(t)
	t.Run("sqlite", func(t *testing.T) {
		harness.ParallelUnlessScaled(t)
		guessUnderLoad(harness.NewSQLiteShop(t))
	})
	t.Run("postgres", func(t *testing.T) {
		harness.ParallelUnlessScaled(t)
		guessUnderLoad(harness.NewPostgresShop(t, pgtest.URL(t)))
	})
}

const (
	guessLimit  = 30 // the number of unknown keys per minute and address
	guessesEach = 200
)

// A guesser has an address of its own, and uses many connections.
type guesser struct {
	client                         http.Client
	sent, answered, refused, other atomic.Int64
	slow                           atomic.Int64 // answers after more than countWait
}

// countWait is the time for which a daemon waits for the counts of the other daemons. After this time, the daemon
// allows its share of the limit. In this minute, all daemons together may allow twice the limit.
const countWait = 250 * time.Millisecond

func newGuesser(i int) *guesser {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i))}}
	return &guesser{client: http.Client{Transport: &http.Transport{DialContext: from.DialContext, MaxIdleConnsPerHost: 16}, Timeout: harness.MaxWait}}
}

func guessUnderLoad(s *harness.Shop) {
	addresses := harness.Scaled(5, 50)
	h := newVisitors(s)
	d := s.Serve("--unknown-key-limit", fmt.Sprint(guessLimit), "--log-level", "info", "--key-task-limit", "0")
	var group sync.WaitGroup
	guessers := make([]*guesser, addresses)
	start := time.Now()
	for i := range guessers {
		guessers[i] = newGuesser(i)
		group.Go(func() { guessers[i].guess(d) })
	}
	done := make(chan visitResult)
	go func() { done <- h.visit(d, time.Duration(harness.Scaled(300, 4000))*time.Millisecond) }()
	group.Wait()
	took, seen := time.Since(start), <-done
	for _, fault := range seen.faults(*harness.Scale > 0) {
		s.Error(fault)
	}
	answered := int64(0)
	for i, g := range guessers {
		answered += g.answered.Load()
		if fault := g.fault(took); fault != "" {
			s.Errorf("address %d: %s", i, fault)
		}
	}
	s.Logf("%d guesses in %s, %d answered; %v", addresses*guessesEach, took.Round(time.Millisecond), answered, seen)
	harness.Report(s, addresses*guessesEach, addresses, "answered", answered, "visits", seen.requests, "p99", seen.p99, "MiB", stopAttacked(d))
}

// guess sends guesses to daemons in turn, half of them by info and half by incomplete upgrades.
func (g *guesser) guess(all ...*harness.Daemon) {
	var group sync.WaitGroup
	defer g.client.CloseIdleConnections()
	for range 16 {
		group.Go(func() {
			for n := g.sent.Add(1); n <= guessesEach; n = g.sent.Add(1) {
				g.try(all, int(n), fmt.Sprintf("%s=guess-%d", [...]string{"info", "upgrade"}[n%2], n))
			}
		})
	}
	group.Wait()
}

// try sends the n-th guess, and counts the answer to it.
func (g *guesser) try(all []*harness.Daemon, n int, query string) {
	began := time.Now()
	g.count(sendGuess(all[n%len(all)], &g.client, query))
	if len(all) > 1 && time.Since(began) > countWait {
		g.slow.Add(1)
	}
}

func sendGuess(d *harness.Daemon, client *http.Client, query string) harness.Response {
	own := *d
	own.Client = client
	a, err := own.Send(http.MethodGet, d.URL+"/API/?"+query, "", nil)
	if err == nil {
		err = a.Check(http.MethodGet)
	}
	if err != nil {
		return harness.Response{}
	}
	return a
}

func (g *guesser) count(a harness.Response) {
	switch {
	case a.Code == http.StatusOK && a.Body == harness.NotExist:
		g.answered.Add(1)
	case a.Code == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "":
		g.refused.Add(1)
	default:
		g.other.Add(1)
	}
}

// fault returns what is wrong with the number of answers to an address within a time.
func (g *guesser) fault(took time.Duration) string {
	limit := guessLimit * (1 + int64(took/time.Minute))
	if g.slow.Load() > 0 {
		limit *= 2
	}
	answered, refused, other := g.answered.Load(), g.refused.Load(), g.other.Load()
	if answered < guessLimit || answered > limit || other > 0 || answered+refused != guessesEach {
		return fmt.Sprintf("%d guesses were answered, not %d; %d were refused, %d had another answer", answered, limit, refused, other)
	}
	return ""
}

// TestGuessCheckerFindsFaults checks that the check of guesses finds too many and too few answers, also from slow
// daemons.
func TestGuessCheckerFindsFaults(t *testing.T) {
	for answered, fine := range map[int64]bool{guessLimit: true, 2 * guessLimit: true, 2*guessLimit + 1: false} {
		g := new(guesser)
		g.answered.Store(answered)
		g.refused.Store(guessesEach - answered)
		g.slow.Store(1)
		if fault := g.fault(time.Second); (fault == "") != fine {
			t.Errorf("%d guesses answered slowly: %q", answered, fault)
		}
	}
	for answered, fine := range map[int64]bool{guessLimit - 1: false, guessLimit: true, guessLimit + 1: false} {
		g := new(guesser)
		g.answered.Store(answered)
		g.refused.Store(guessesEach - answered)
		if fault := g.fault(time.Second); (fault == "") != fine {
			t.Errorf("%d guesses answered: %q", answered, fault)
		}
		g.other.Store(1)
		if g.fault(time.Second) == "" {
			t.Error("an answer that is neither passes")
		}
	}
}

// TestGuessedKeysAreLimitedAcrossDaemons checks that all daemons together limit the answers for unknown keys to an
// address, for quick and for slow guesses.
func TestGuessedKeysAreLimitedAcrossDaemons(t *testing.T) {
	harness.ParallelUnlessScaled(t)
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	all := s.ServeAll(3, "--unknown-key-limit", fmt.Sprint(guessLimit), "--log-level", "info")
	guessers := make([]*guesser, harness.Scaled(5, 50))
	var group sync.WaitGroup
	start := time.Now()
	for i := range guessers {
		guessers[i] = newGuesser(i)
		group.Go(func() { guessers[i].guess(all...) })
	}
	slow := newGuesser(len(guessers))
	for i := range guessesEach {
		slow.try(all, i, fmt.Sprint("info=guess-", i))
	}
	group.Wait()
	answered := int64(0)
	for i, g := range append(guessers, slow) {
		answered += g.answered.Load()
		if fault := g.fault(time.Since(start)); fault != "" {
			s.Errorf("address %d: %s", i, fault)
		}
	}
	for _, d := range all {
		stopAttacked(d)
	}
	harness.Report(s, (len(guessers)+1)*guessesEach, len(guessers)+1, "daemons", len(all), "answered", answered)
}

// TestGuessedKeysAreLimitedOnSlowDatabase checks that daemons do not answer more guesses if the database is too slow to
// count them together.
func TestGuessedKeysAreLimitedOnSlowDatabase(t *testing.T) {
	harness.ParallelUnlessScaled(t)
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	p, url := harness.NewProxy(t, s.Database)
	all := s.ServeAll(3, "--unknown-key-limit", fmt.Sprint(guessLimit), "--log-level", "info", "--database", url)
	waitHeartbeats(s, len(all))
	p.Delay(300 * time.Millisecond)
	g := newGuesser(0)
	start := time.Now()
	g.guess(all...)
	p.Delay(0)
	answered, limit := g.answered.Load(), guessLimit*(1+int64(time.Since(start)/time.Minute))
	refused := g.refused.Load()
	if answered == 0 || answered > limit || refused == 0 || answered+refused != guessesEach {
		s.Errorf("%d guesses were answered, of which at most %d should be; %d were refused, %d had another answer", answered, limit, refused, g.other.Load())
	}
	for _, d := range all {
		stopAttacked(d)
	}
	harness.Report(s, guessesEach, 1, "daemons", len(all), "answered", answered)
}

// waitHeartbeats waits until each daemon has seen a heartbeat of every other.
func waitHeartbeats(s *harness.Shop, daemons int) {
	s.Helper()
	const last = `SELECT CAST(coalesce(extract(epoch FROM max(until)), 0) * 1000 AS bigint) FROM keyseat_daemons`
	signed := func(since int) bool {
		return s.Count(fmt.Sprintf(`SELECT count(*) FROM keyseat_daemons WHERE extract(epoch FROM until) * 1000 > %d`, since)) == daemons
	}
	s.Eventually("all daemons have signed in", func() bool { return signed(0) })
	newest := s.Count(last)
	s.Eventually("all daemons have signed in once more", func() bool { return signed(newest) })
}
