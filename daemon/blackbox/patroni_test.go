package blackbox_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A quorum is the example of high availability, and the load on the daemons that use it.
type quorum struct {
	*load
	trio    *pgtest.HACluster
	daemons []*daemon

	promoted time.Duration // from a machine's death until another takes writes, at most
	rejoined time.Duration // from then until a request is accepted, at most
	away     time.Duration // from the death until then, at most
	told     time.Duration // from the death until /readyz tells, at most
}

const (
	example = "../../examples/ha"
	between = 20 // requests that are accepted before each fault, at least
)

// newQuorum brings up the example: three machines, and three daemons on its keyseat.json.
func newQuorum(t *testing.T, kills int) *quorum {
	trio := pgtest.StartHACluster(t, example)
	s := newShop(t)
	text := strings.ReplaceAll(trio.File(t, "keyseat.json"), "/etc/keyseat", s.folder)
	config := filepath.Join(s.folder, "keyseat.json")
	var settings struct {
		Database  string
		MasterKey string `json:"master-key-file"`
		Token     string `json:"connector-token-file"`
	}
	err := json.Unmarshal([]byte(text), &settings)
	for path, text := range map[string]string{config: text, settings.Token: "a-token"} {
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s.database, s.keyFile = settings.Database, settings.MasterKey
	s.must("master-key", "add", s.keyFile)
	q := &quorum{load: loadOf(s, between*(kills+1)), trio: trio}
	q.late, q.slowest = patience, 5*time.Minute
	q.daemons = q.load.daemons(3, "--config", config, "--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	return q
}

// TestPatroni holds that the example of high availability keeps what it promises: when the machine of
// the primary dies, again and again, nothing that was accepted is lost or doubled, every daemon says at
// once that it is not ready, and finds the next primary by itself.
func TestPatroni(t *testing.T) {
	t.Parallel()
	kills := figure(1, 20)
	q := newQuorum(t, kills)
	q.begin(q.daemons...)
	for range kills {
		q.goesOn(between)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // because it may die anywhere
		q.strike()
	}
	q.goesOn(between)
	q.end()
	q.asks(q.trio.Primary(t).Host())
	f := q.settled()
	for _, d := range q.daemons {
		d.stop()
		if strings.Contains(d.log.String(), notDurable) {
			t.Error("a daemon finds the example not durable")
		}
		q.discreet(d)
	}
	q.judge()
	tried(t, f.acked, kills, f.figures("promoted", q.promoted, "away", q.away, "after_promotion", q.rejoined, "told", q.told)...)
}

// strike kills the machine of the primary, and brings it back once another has taken its place.
func (q *quorum) strike() {
	q.Helper()
	dying := q.trio.Primary(q)
	dying.Kill(q)
	start := time.Now()
	q.tell(http.StatusServiceUnavailable)
	told := time.Since(start)
	q.trio.Primary(q)
	promoted := time.Since(start)
	q.goesOn(1)
	away := time.Since(start)
	q.tell(http.StatusOK)
	q.promoted, q.away, q.told = max(q.promoted, promoted), max(q.away, away), max(q.told, told)
	q.rejoined = max(q.rejoined, away-promoted)
	q.Logf("promoted after %s, accepted %s after that, not ready after %s", promoted, away-promoted, told)
	q.pace.Store(int64(100 * time.Millisecond)) // because that takes long, and slots are not without end
	dying.Start(q)
	q.trio.WaitHealthy(q)
	q.pace.Store(0)
}

// tell waits until every daemon says that it is ready, or not.
func (q *quorum) tell(status int) {
	q.Helper()
	q.until("/readyz of each daemon has the status", func() bool {
		var others atomic.Int32
		var calls sync.WaitGroup
		for _, d := range q.daemons { // simultaneously, so that their times do not add up
			calls.Go(func() {
				if d.ready() != status {
					others.Add(1)
				}
			})
		}
		calls.Wait()
		return others.Load() == 0
	})
}

// judge holds the times to their bounds.
func (q *quorum) judge() {
	q.Helper()
	if q.rejoined > rejoined {
		q.Errorf("it took %s to find a server that takes writes", q.rejoined)
	}
	if q.told > truth {
		q.Errorf("it took %s until /readyz said that the database is away", q.told)
	}
}
