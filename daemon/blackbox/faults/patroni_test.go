package faults_test

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
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A haCluster is the example of high availability, with a load.
type haCluster struct {
	*load
	postgres *pgtest.HACluster
	daemons  []*harness.Daemon

	// The longest times of all rounds.
	promoted  time.Duration // from a machine's death until another is the primary
	writable  time.Duration // from the death until that primary confirms a commit
	away      time.Duration // from the death until a request is accepted
	reconnect time.Duration // from the confirmed commit until a request is accepted
	notReady  time.Duration // from the death until /readyz reports it
}

const (
	haExample             = harness.Root + "/examples/ha"
	acceptedBetweenFaults = 20 // the least number of accepted requests before each fault
)

// newHACluster starts the example: three machines, and three daemons with its keyseat.json.
func newHACluster(t *testing.T, kills int) *haCluster {
	trio := pgtest.StartHACluster(t, haExample)
	s := harness.NewShop(t)
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
	q.maxLag, q.maxTaskTime = harness.MaxWait, 5*time.Minute
	q.daemons = q.ServeAll(3, "--config", config, "--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	return q
}

// TestPatroni kills the machine of the primary repeatedly. No accepted task is lost or doubled. Every daemon
// immediately reports that it is not ready, and finds the next primary by itself.
func TestPatroni(t *testing.T) {
	t.Parallel()
	kills := harness.Scaled(1, 20)
	q := newHACluster(t, kills)
	q.start(q.daemons...)
	for range kills {
		q.waitAccepted(acceptedBetweenFaults)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // so that the process dies at any moment
		q.killPrimary()
	}
	q.waitAccepted(acceptedBetweenFaults)
	q.stop()
	q.checkOn(q.postgres.Primary(t).Host())
	f := q.finish()
	for _, d := range q.daemons {
		d.Stop()
		if strings.Contains(d.Logs.String(), harness.NotDurable) {
			t.Error("a daemon finds the example not durable")
		}
		q.expectNoSecrets(d)
	}
	q.checkTimes()
	harness.Report(t, f.accepted, kills, f.figures("promoted", q.promoted, "writable", q.writable, "away", q.away, "reconnect", q.reconnect, "not_ready", q.notReady)...)
}

// killPrimary kills the machine of the primary. It starts the machine again when another has taken its place.
func (q *haCluster) killPrimary() {
	q.Helper()
	dying := q.postgres.Primary(q)
	dying.Kill(q)
	start := time.Now()
	q.waitReady(http.StatusServiceUnavailable)
	notReady := time.Since(start)
	q.postgres.Primary(q)
	promoted := time.Since(start)
	q.postgres.WaitCommit(q)
	writable := time.Since(start)
	q.waitAccepted(1)
	away := time.Since(start)
	q.waitReady(http.StatusOK)
	q.promoted, q.writable, q.away = max(q.promoted, promoted), max(q.writable, writable), max(q.away, away)
	q.reconnect, q.notReady = max(q.reconnect, away-writable), max(q.notReady, notReady)
	q.Logf("promoted after %s, writable after %s, accepted after %s, not ready after %s", promoted, writable, away, notReady)
	q.pause.Store(int64(100 * time.Millisecond)) // the start takes long, and the number of slots is limited
	dying.Start(q)
	q.postgres.WaitHealthy(q)
	q.pause.Store(0)
}

// waitReady waits until /readyz of every daemon has a status.
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

// checkTimes checks the times against their limits.
func (q *haCluster) checkTimes() {
	q.Helper()
	if q.reconnect > maxReconnect {
		q.Errorf("it took %s to find a server that takes writes", q.reconnect)
	}
	if q.notReady > maxNotReady {
		q.Errorf("/readyz reported the outage after %s", q.notReady)
	}
}
