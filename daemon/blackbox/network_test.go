package blackbox_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// answerTime is within what every request is answered.
const answerTime = 5 * time.Second

// TestABadNetworkToPostgres holds that a network which cuts connections, is slow, loses the answers to
// commits or goes silent costs no accepted request and doubles none, that every request is answered in
// time all the while, and that the same daemons serve again once it is better.
func TestABadNetworkToPostgres(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.URL(t))
	p, url := newProxy(t, s.database)
	cuts, ambiguous := figure(100, 2000), figure(40, 1000)
	l := loadOf(s, 50+cuts/5+ambiguous/2)
	l.late, l.slowest = 20*time.Second, 5*time.Minute
	n := &network{load: l, proxy: p, watch: &stopwatch{inner: newClient().Transport}}
	flags := []string{"--database", url, "--lease", "1s", "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "100"}
	for range 2 {
		d := s.serve(flags...)
		d.client.Transport = n.watch
		n.daemons = append(n.daemons, d)
	}
	l.begin(n.daemons[0])
	n.isCut(cuts)
	n.losesCommits(ambiguous)
	n.isSlow()
	n.isSilent()
	l.end()
	f := l.settled()
	broken, commits := p.harm()
	n.watch.report(s)
	for _, d := range n.daemons {
		d.stop()
		l.discreet(d)
	}
	tried(s, f.acked, cuts+commits, f.figures("cuts", cuts, "connections_cut", broken, "ambiguous", commits, "slowest", n.watch.slowest)...)
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
	n.use(n.daemons[n.turn%len(n.daemons)])
}

// some are how many requests must be accepted between two rounds of trouble.
const some = 20

// isCut cuts every connection, again and again, with a pause after each hundred.
func (n *network) isCut(cuts int) {
	n.Helper()
	n.goesOn(some)
	for i := range cuts {
		time.Sleep(time.Duration(15+rand.IntN(41)) * time.Millisecond) // it is cut in the midst of anything
		n.cut()
		n.next()
		if i%100 == 99 {
			n.goesOn(some)
		}
	}
	if broken, _ := n.harm(); broken < cuts {
		n.Errorf("%d cuts have broken %d connections: nothing is proven", cuts, broken)
	}
	n.better()
}

// losesCommits loses the answers to so many, with a pause after each forty.
func (n *network) losesCommits(ambiguous int) {
	n.Helper()
	for goal := 0; goal < ambiguous; {
		goal = min(goal+40, ambiguous)
		n.loseCommits(true)
		n.until("commits are lost", func() bool {
			n.next()
			_, commits := n.harm()
			return commits >= goal
		})
		n.loseCommits(false)
		n.goesOn(some)
	}
	n.better()
}

func (n *network) isSlow() {
	n.Helper()
	for range figure(1, 10) {
		n.slow(2 * time.Second)
		time.Sleep(5 * time.Second) // in which requests must be answered all the same
		n.slow(0)
		n.better()
	}
}

func (n *network) isSilent() {
	n.Helper()
	for range figure(1, 10) {
		n.silence(true)
		time.Sleep(5 * time.Second) // in which requests must be answered all the same
		n.silence(false)
		n.better()
	}
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
