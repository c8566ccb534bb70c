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

// A haCluster is the example of high availability, and the load on the daemons that use it.
type haCluster struct {
	*load
	postgres *pgtest.HACluster
	daemons  []*Daemon

	promoted time.Duration // from a machine's death until another takes writes, at most
	rejoined time.Duration // from then until a request is accepted, at most
	away     time.Duration // from the death until then, at most
	notReady time.Duration // from the death until /readyz tells, at most
}

const (
	haExample             = "../../examples/ha"
	acceptedBetweenFaults = 20 // requests that are accepted before each fault, at least
)

// newHACluster brings up the example: three machines, and three daemons on its keyseat.json.
func newHACluster(t *testing.T, kills int) *haCluster {
	trio := pgtest.StartHACluster(t, haExample)
	s := NewShop(t)
	text := strings.ReplaceAll(trio.File(t, "keyseat.json"), "/etc/keyseat", s.Folder)
	config := filepath.Join(s.Folder, "keyseat.json")
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
	s.Database, s.KeyFile = settings.Database, settings.MasterKey
	s.MustExec("master-key", "add", s.KeyFile)
	q := &haCluster{load: newLoadFor(s, acceptedBetweenFaults*(kills+1)), postgres: trio}
	q.maxLag, q.maxTaskTime = MaxWait, 5*time.Minute
	q.daemons = q.load.ServeAll(3, "--config", config, "--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	return q
}

// TestPatroni holds that the example of high availability keeps what it promises: when the machine of
// the primary dies, again and again, nothing that was accepted is lost or doubled, every daemon says at
// once that it is not ready, and finds the next primary by itself.
func TestPatroni(t *testing.T) {
	t.Parallel()
	kills := Scaled(1, 20)
	q := newHACluster(t, kills)
	q.start(q.daemons...)
	for range kills {
		q.waitAccepted(acceptedBetweenFaults)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // because it may die anywhere
		q.killPrimary()
	}
	q.waitAccepted(acceptedBetweenFaults)
	q.stop()
	q.checkOn(q.postgres.Primary(t).Host())
	f := q.finish()
	for _, d := range q.daemons {
		d.Stop()
		if strings.Contains(d.Logs.String(), NotDurable) {
			t.Error("a daemon finds the example not durable")
		}
		q.expectNoSecrets(d)
	}
	q.checkTimes()
	Report(t, f.accepted, kills, f.figures("promoted", q.promoted, "away", q.away, "after_promotion", q.rejoined, "told", q.notReady)...)
}

// killPrimary kills the machine of the primary, and brings it back once another has taken its place.
func (q *haCluster) killPrimary() {
	q.Helper()
	dying := q.postgres.Primary(q)
	dying.Kill(q)
	start := time.Now()
	q.waitReady(http.StatusServiceUnavailable)
	told := time.Since(start)
	q.postgres.Primary(q)
	promoted := time.Since(start)
	q.waitAccepted(1)
	away := time.Since(start)
	q.waitReady(http.StatusOK)
	q.promoted, q.away, q.notReady = max(q.promoted, promoted), max(q.away, away), max(q.notReady, told)
	q.rejoined = max(q.rejoined, away-promoted)
	q.Logf("promoted after %s, accepted %s after that, not ready after %s", promoted, away-promoted, told)
	q.pause.Store(int64(100 * time.Millisecond)) // because that takes long, and slots are not without end
	dying.Start(q)
	q.postgres.WaitHealthy(q)
	q.pause.Store(0)
}

// waitReady waits until every daemon says that it is ready, or not.
func (q *haCluster) waitReady(status int) {
	q.Helper()
	q.Eventually("/readyz of each daemon has the status", func() bool {
		var others atomic.Int32
		var calls sync.WaitGroup
		for _, d := range q.daemons { // simultaneously, so that their times do not add up
			calls.Go(func() {
				if d.ReadyStatus() != status {
					others.Add(1)
				}
			})
		}
		calls.Wait()
		return others.Load() == 0
	})
}

// checkTimes holds the times to their bounds.
func (q *haCluster) checkTimes() {
	q.Helper()
	if q.rejoined > maxReconnect {
		q.Errorf("it took %s to find a server that takes writes", q.rejoined)
	}
	if q.notReady > maxNotReady {
		q.Errorf("it took %s until /readyz said that the database is away", q.notReady)
	}
}
