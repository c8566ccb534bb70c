package blackbox_test

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestGuessedKeysAreLimited holds that whoever tries unknown keys from an address is told of so many a minute and no
// more, however many are tried at once, and that nobody else notices.
func TestGuessedKeysAreLimited(t *testing.T) {
	ParallelUnlessScaled(t)
	t.Run("sqlite", func(t *testing.T) {
		ParallelUnlessScaled(t)
		guessUnderLoad(NewSQLiteShop(t))
	})
	t.Run("postgres", func(t *testing.T) {
		ParallelUnlessScaled(t)
		guessUnderLoad(NewPostgresShop(t, pgtest.URL(t)))
	})
}

const (
	guessLimit  = 30 // of unknown keys, a minute and address
	guessesEach = 200
)

// A guesser has an address of its own, and asks on many connections at once.
type guesser struct {
	client                         http.Client
	sent, answered, refused, other atomic.Int64
}

func newGuesser(i int) *guesser {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i))}}
	return &guesser{client: http.Client{Transport: &http.Transport{DialContext: from.DialContext, MaxIdleConnsPerHost: 16}, Timeout: MaxWait}}
}

func guessUnderLoad(s *Shop) {
	addresses := Scaled(5, 50)
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
	go func() { done <- h.visit(d, time.Duration(Scaled(300, 4000))*time.Millisecond) }()
	group.Wait()
	took, seen := time.Since(start), <-done
	for _, fault := range seen.faults(*Scale > 0) {
		s.Error(fault)
	}
	told := int64(0)
	for i, g := range guessers {
		told += g.answered.Load()
		if fault := g.fault(took); fault != "" {
			s.Errorf("address %d: %s", i, fault)
		}
	}
	s.Logf("%d guesses in %s, %d were told; %v", addresses*guessesEach, took.Round(time.Millisecond), told, seen)
	Report(s, addresses*guessesEach, addresses, "told", told, "honest", seen.requests, "p99", seen.p99, "MiB", d.stopAttacked())
}

// guess guesses at daemons in turn, half by info and half by upgrades that lack the rest.
func (g *guesser) guess(all ...*Daemon) {
	var group sync.WaitGroup
	defer g.client.CloseIdleConnections()
	for range 16 {
		group.Go(func() {
			for n := g.sent.Add(1); n <= guessesEach; n = g.sent.Add(1) {
				g.count(all[n%int64(len(all))].sendGuess(&g.client, fmt.Sprintf("%s=guess-%d", [...]string{"info", "upgrade"}[n%2], n)))
			}
		})
	}
	group.Wait()
}

func (d *Daemon) sendGuess(client *http.Client, query string) Response {
	own := *d
	own.Client = client
	a, err := own.Send(http.MethodGet, d.URL+"/API/?"+query, "", nil)
	if err == nil {
		err = a.Check(http.MethodGet)
	}
	if err != nil {
		return Response{}
	}
	return a
}

func (g *guesser) count(a Response) {
	switch {
	case a.Code == http.StatusOK && a.Body == NotExist:
		g.answered.Add(1)
	case a.Code == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "":
		g.refused.Add(1)
	default:
		g.other.Add(1)
	}
}

// fault says what is wrong with what an address was told in that time.
func (g *guesser) fault(took time.Duration) string {
	most := guessLimit * (1 + int64(took/time.Minute))
	told, refused, other := g.answered.Load(), g.refused.Load(), g.other.Load()
	if told < guessLimit || told > most || other > 0 || told+refused != guessesEach {
		return fmt.Sprintf("%d guesses were answered, not %d; %d were refused, %d had another answer", told, most, refused, other)
	}
	return ""
}

// TestGuessCheckerFindsFaults has an address that is told more than it may, and one that is told less.
func TestGuessCheckerFindsFaults(t *testing.T) {
	for told, fine := range map[int64]bool{guessLimit - 1: false, guessLimit: true, guessLimit + 1: false} {
		g := new(guesser)
		g.answered.Store(told)
		g.refused.Store(guessesEach - told)
		if fault := g.fault(time.Second); (fault == "") != fine {
			t.Errorf("%d guesses answered: %q", told, fault)
		}
		g.other.Store(1)
		if g.fault(time.Second) == "" {
			t.Error("an answer that is neither passes")
		}
	}
}
