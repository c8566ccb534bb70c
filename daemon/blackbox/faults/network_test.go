package faults_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// maxAnswerTime is the limit for every response.
const maxAnswerTime = 5 * time.Second

// TestBadNetwork puts a bad network between daemons and PostgreSQL. It cuts connections, is slow, loses the responses
// to commits, and becomes silent. No accepted request is lost or doubled, and every request is answered in time. The
// same daemons serve again when the network is good.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	p, url := harness.NewProxy(t, s.Database)
	cuts, ambiguous := harness.Scaled(100, 2000), harness.Scaled(40, 1000)
	l := newLoadFor(s, 50+cuts/5+ambiguous/2)
	l.maxLag, l.maxTaskTime = 20*time.Second, 5*time.Minute
	n := &badNetwork{load: l, Proxy: p, watch: &timedTransport{inner: harness.NewClient().Transport}}
	flags := []string{"--database", url, "--lease", "1s", "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "100"}
	for range 2 {
		d := s.Serve(flags...)
		d.Client.Transport = n.watch
		n.daemons = append(n.daemons, d)
	}
	l.start(n.daemons[0])
	n.runCuts(cuts)
	n.runLostCommits(ambiguous)
	n.runSlow()
	n.runSilent()
	l.stop()
	f := l.finish()
	broken, commits := p.Damage()
	n.watch.report(s)
	for _, d := range n.daemons {
		d.Stop()
		l.expectNoSecrets(d)
	}
	harness.Report(s, f.accepted, cuts+commits, f.figures("cuts", cuts, "connections_cut", broken, "ambiguous", commits, "slowest", n.watch.slowest)...)
}

// A badNetwork is a load, its daemons, and the proxy between them and the database.
type badNetwork struct {
	*load
	*harness.Proxy
	daemons []*harness.Daemon
	watch   *timedTransport
	turn    int
}

// expectRecovery checks that both daemons accept requests.
func (n *badNetwork) expectRecovery() {
	n.Helper()
	start := time.Now()
	for range n.daemons {
		n.useNextDaemon()
		n.waitAccepted(10)
	}
	n.Logf("20 requests were accepted %s after it was better", time.Since(start).Round(time.Millisecond))
}

// useNextDaemon makes the clients use the other daemon.
func (n *badNetwork) useNextDaemon() {
	n.turn++
	n.useDaemons(n.daemons[n.turn%len(n.daemons)])
}

// acceptedBetween is the number of requests that must be accepted between two disturbances.
const acceptedBetween = 20

// runCuts cuts every connection repeatedly, with a pause after each hundred.
func (n *badNetwork) runCuts(cuts int) {
	n.Helper()
	n.waitAccepted(acceptedBetween)
	for i := range cuts {
		time.Sleep(time.Duration(15+rand.IntN(41)) * time.Millisecond) // at any moment
		n.Cut()
		n.useNextDaemon()
		if i%100 == 99 {
			n.waitAccepted(acceptedBetween)
		}
	}
	if broken, _ := n.Damage(); broken < cuts {
		n.Errorf("%d cuts have broken %d connections: nothing is proven", cuts, broken)
	}
	n.expectRecovery()
}

// runLostCommits loses the responses to commits, with a pause after each forty.
func (n *badNetwork) runLostCommits(ambiguous int) {
	n.Helper()
	for goal := 0; goal < ambiguous; {
		goal = min(goal+40, ambiguous)
		n.LoseCommits(true)
		n.Eventually("commits are lost", func() bool {
			n.useNextDaemon()
			_, commits := n.Damage()
			return commits >= goal
		})
		n.LoseCommits(false)
		n.waitAccepted(acceptedBetween)
	}
	n.expectRecovery()
}

func (n *badNetwork) runSlow() {
	n.Helper()
	for range harness.Scaled(1, 10) {
		n.Delay(2 * time.Second)
		time.Sleep(5 * time.Second) // requests must be answered all the same
		n.Delay(0)
		n.expectRecovery()
	}
}

func (n *badNetwork) runSilent() {
	n.Helper()
	for range harness.Scaled(1, 10) {
		n.Silence(true)
		time.Sleep(5 * time.Second) // requests must be answered all the same
		n.Silence(false)
		n.expectRecovery()
	}
}

// A timedTransport measures the time of each response.
type timedTransport struct {
	inner http.RoundTripper

	mu       sync.Mutex
	answered int
	slowest  time.Duration
	failed   []error
}

// RoundTrip implements [http.RoundTripper].
func (w *timedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
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

func (w *timedTransport) report(s *harness.Shop) {
	s.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Logf("%d answers, the slowest after %s", w.answered, w.slowest)
	if w.slowest > maxAnswerTime || len(w.failed) > 0 {
		s.Errorf("the slowest answer took %s; without an answer: %v", w.slowest, w.failed)
	}
}
