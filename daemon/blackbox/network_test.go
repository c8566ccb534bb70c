package blackbox_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

const (
	cuts       = 100
	ambiguous  = 40 // commits whose answer is lost
	answerTime = 5 * time.Second
)

// TestABadNetworkToPostgres holds that a network which cuts connections, is slow, loses the answers to
// commits or goes silent costs no accepted request and doubles none, that every request is answered in
// time all the while, and that the same daemons serve again once it is better.
func TestABadNetworkToPostgres(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.URL(t))
	p, url := newProxy(t, s.database)
	l := newLoad(s)
	n := &network{load: l, proxy: p, watch: &stopwatch{inner: newClient().Transport}}
	flags := []string{"--database", url, "--lease", "1s", "--key-task-limit", "0", "--connector-timeout", "2s"}
	for range 2 {
		d := s.serve(flags...)
		d.client.Transport = n.watch
		n.daemons = append(n.daemons, d)
	}
	l.begin(n.daemons[0])
	n.isCut()
	n.losesCommits()
	n.isSlow()
	n.isSilent()
	l.end()
	l.settled()
	broken, commits := p.harm()
	s.Logf("%d connections were cut, the answers to %d commits were lost", broken, commits)
	n.watch.report(s)
	for _, d := range n.daemons {
		d.stop()
	}
}

// A network is the load, the daemons that serve it, and the proxy that makes it hard.
type network struct {
	*load
	*proxy
	daemons []*daemon
	watch   *stopwatch
	turn    int
}

// better holds that both daemons accept requests.
func (n *network) better() {
	n.Helper()
	start := time.Now()
	for range n.daemons {
		n.next()
		n.goesOn(10)
	}
	n.Logf("20 requests were accepted %s after it was better", time.Since(start).Round(time.Millisecond))
}

// next leads the clients to the other daemon.
func (n *network) next() {
	n.turn++
	n.daemon.Store(n.daemons[n.turn%len(n.daemons)])
}

func (n *network) isCut() {
	n.Helper()
	n.goesOn(10)
	for range cuts {
		time.Sleep(time.Duration(15+rand.IntN(41)) * time.Millisecond) // it is cut in the midst of anything
		n.cut()
		n.next()
	}
	if broken, _ := n.harm(); broken < cuts {
		n.Errorf("%d cuts have broken %d connections: nothing is proven", cuts, broken)
	}
	n.better()
}

func (n *network) losesCommits() {
	n.Helper()
	n.loseCommits(true)
	n.until("commits are lost", func() bool {
		n.next()
		_, commits := n.harm()
		return commits >= ambiguous
	})
	n.loseCommits(false)
	n.better()
}

func (n *network) isSlow() {
	n.Helper()
	n.slow(2 * time.Second)
	time.Sleep(5 * time.Second) // in which requests must be answered all the same
	n.slow(0)
	n.better()
}

func (n *network) isSilent() {
	n.Helper()
	n.silence(true)
	time.Sleep(5 * time.Second) // in which requests must be answered all the same
	n.silence(false)
	n.better()
}

// A stopwatch looks how long each answer takes.
type stopwatch struct {
	inner http.RoundTripper

	mu       sync.Mutex
	answered int
	slowest  time.Duration
	failed   []error
}

// RoundTrip implements [http.RoundTripper].
func (w *stopwatch) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	response, err := w.inner.RoundTrip(r)
	took := time.Since(start)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered++
	w.slowest = max(w.slowest, took)
	if err != nil {
		w.failed = append(w.failed, err)
	}
	return response, err
}

func (w *stopwatch) report(s *shop) {
	s.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Logf("%d answers, the slowest after %s", w.answered, w.slowest)
	if w.slowest > answerTime || len(w.failed) > 0 {
		s.Errorf("the slowest answer took %s; without an answer: %v", w.slowest, w.failed)
	}
}
