package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestDiskFull fills the disk under load. No accepted task is lost, new requests are refused, and no answer is wrong.
// The same daemon serves again soon after the disk has space.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		d := newDisk(t, "24m")
		s := harness.NewShop(t)
		s.Database = "sqlite:" + filepath.Join(d.path, "keyseat.db")
		d.run(s, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		d := newDisk(t, "112m")
		cluster := pgtest.Start(t, pgtest.Options{
			Data:   filepath.Join(d.path, "data"),
			Config: []string{"min_wal_size=32MB", "max_wal_size=32MB", "wal_recycle=off"},
		})
		d.run(harness.NewPostgresShop(t, cluster.URL(t)), cluster)
	})
}

// TestFullDiskIsNotReady checks that /readyz reports a full disk, even if there is space for a small write. After the
// disk has space again, /readyz reports that without a request of a client.
func TestFullDiskIsNotReady(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "24m")
	s := harness.NewShop(t)
	s.Database = "sqlite:" + filepath.Join(disk.path, "keyseat.db")
	var codes []string
	for i := range 2000 {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.AddKeys(append(codes, "K")...)
	s.ImportPlans("p,US,3000,,")
	d := s.Serve()
	disk.fill()
	s.Eventually("a request finds no room", func() bool {
		code := codes[0]
		codes = codes[1:]
		return d.Post(harness.Upgrade(code, "success@example.com", "US")).Code == http.StatusServiceUnavailable
	})
	d.ExpectNotReady("disk")
	if err := disk.leave(16 << 10); err != nil { // room for a page, and not for a change
		t.Fatal(err)
	}
	d.ExpectNotReady("disk")
	if err := os.Remove(disk.ballast()); err != nil {
		t.Fatal(err)
	}
	s.Eventually("it is ready", func() bool { return d.ReadyStatus() == http.StatusOK })
	d.MustAccept(harness.Upgrade("K", "success@example.com", "US"))
	d.ExpectEnd("K", "success", "")
}

// A disk is a small file system.
type disk struct {
	path   string
	stop   chan struct{}
	filler sync.WaitGroup
}

// newDisk mounts a file system, which needs root.
func newDisk(t *testing.T, size string) *disk {
	t.Helper()
	d := &disk{path: filepath.Join(t.TempDir(), "disk")}
	if err := os.Mkdir(d.path, 0o755); err != nil { //nolint:gosec // the server is another user
		t.Fatal(err)
	}
	allowTraversal(t, filepath.Dir(d.path))
	err := syscall.Mount("keyseat", d.path, "tmpfs", 0, "mode=0755,size="+size)
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		t.Skip("SKIPPED, NOTHING WAS TESTED: a small file system is needed, and only root may mount one")
	case err != nil:
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.path, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return d
}

// allowTraversal lets other users enter the folder of a test.
func allowTraversal(t *testing.T, folder string) {
	t.Helper()
	for _, path := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // the server is another user
			t.Fatal(err)
		}
	}
}

// fill takes all free space until [faults.disk.free], also space that becomes free later.
func (d *disk) fill() {
	d.stop = make(chan struct{})
	d.filler.Go(func() {
		ballast, err := os.Create(d.ballast())
		if err != nil {
			return // not even a name fits
		}
		defer func() { _ = ballast.Close() }() // the file is removed
		for chunk := make([]byte, 4<<10); ; {
			if _, err := ballast.Write(chunk); err == nil {
				continue
			}
			select {
			case <-d.stop:
				return
			case <-time.After(time.Millisecond): // until another file frees space
			}
		}
	})
}

func (d *disk) free() error {
	close(d.stop)
	d.filler.Wait()
	return os.Remove(d.ballast())
}

// leave ends the filling, and leaves n bytes of room.
func (d *disk) leave(n int64) error {
	close(d.stop)
	d.filler.Wait()
	full, err := os.Stat(d.ballast())
	if err != nil {
		return err
	}
	return os.Truncate(d.ballast(), full.Size()-n)
}

func (d *disk) ballast() string { return filepath.Join(d.path, "ballast") }

// run fills the disk under load and frees it, several times.
func (d *disk) run(s *harness.Shop, cluster *pgtest.Cluster) {
	s.Helper()
	const room = 10 * time.Second // until it serves again
	rounds := harness.Scaled(1, 20)
	l := newLoadFor(s, 20*rounds)
	l.maxLag, l.maxTaskTime = harness.MaxWait, 5*harness.MaxWait // without space no task ends, for most of the time
	daemon := s.Serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	gate := &responseCheck{inner: daemon.Client.Transport}
	daemon.Client.Transport = gate
	l.start(daemon)
	slowest := time.Duration(0)
	for round := range rounds {
		l.waitAccepted(20)
		d.fill()
		d.forceWrites(s, cluster, round)
		before := gate.refused.Load()
		l.Eventually("requests are refused", func() bool { return gate.refused.Load() >= before+20 })
		if err := d.free(); err != nil {
			s.Fatal(err)
		}
		start := time.Now()
		l.waitRecovered(cluster)
		slowest = max(slowest, time.Since(start))
	}
	l.waitAccepted(20)
	l.stop()
	f := l.finish()
	daemon.Stop()
	gate.report(s)
	if slowest > room {
		s.Errorf("it served again after %s", slowest)
	}
	harness.Report(s, rounds, rounds, "acked", f.accepted, "lost", f.lost, "unanswered", f.unanswered,
		"refused", gate.refused.Load(), "slowest", slowest, "panics", countPanics(s, cluster))
}

// countPanics counts the panics of PostgreSQL. It must have one in the first round.
func countPanics(s *harness.Shop, cluster *pgtest.Cluster) int {
	s.Helper()
	if cluster == nil {
		return 0
	}
	log, err := cluster.Log()
	n := bytes.Count(log, []byte("PANIC:"))
	if err != nil || n == 0 {
		s.Errorf("Postgres had all the room that it needed (%v): too little is proven", err)
	}
	return n
}

// forceWrites makes the database need space immediately. SQLite needs it for its log, which the end of a command
// truncates. PostgreSQL needs it for its log in every other round, and panics without it.
func (d *disk) forceWrites(s *harness.Shop, cluster *pgtest.Cluster, round int) {
	if cluster == nil {
		s.Exec("stock") // it may fail
		return
	}
	for range 5 * ((round + 1) % 2) {
		if cluster.Try("SELECT pg_switch_wal()") != nil {
			return // the next segment had no space
		}
	}
}

// waitRecovered waits until requests are accepted. It starts PostgreSQL again if that has ended, because a daemon
// does not do so.
func (l *load) waitRecovered(cluster *pgtest.Cluster) {
	l.Helper()
	goal := l.accepted.Load() + 1
	l.Eventually("requests are accepted again", func() bool {
		if cluster != nil && cluster.Down() {
			cluster.Restart(l)
		}
		return l.accepted.Load() >= goal
	})
}

// A responseCheck checks every response.
type responseCheck struct {
	inner   http.RoundTripper
	refused atomic.Int64

	mu    sync.Mutex
	wrong []string // wrong answers
}

// possibleBodies are all answers to a request other than a refusal of service. Some are refusals because of an
// earlier request without an answer.
var possibleBodies = []string{harness.UpgradeSent, harness.RenewSent, harness.ErrorBody(harness.UpgradeOpen), harness.ErrorBody(harness.RenewOpen), harness.ErrorBody(harness.KeyUsed), harness.ErrorBody(harness.KeyUnused)}

// RoundTrip implements [http.RoundTripper].
func (g *responseCheck) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := g.inner.RoundTrip(r)
	if err != nil {
		g.record(err.Error())
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // the body was read
	response.Body = io.NopCloser(bytes.NewReader(body))
	switch text := string(body); {
	case response.StatusCode == http.StatusServiceUnavailable && text == harness.Unavailable:
		g.refused.Add(1)
	case response.StatusCode != http.StatusOK || text == harness.NotExist,
		r.Method == http.MethodPost && !slices.Contains(possibleBodies, text):
		g.record(response.Status + " " + text)
	}
	return response, err
}

func (g *responseCheck) record(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, what)
}

func (g *responseCheck) report(s *harness.Shop) {
	s.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.wrong) > 0 {
		s.Errorf("%d answers that are neither true nor a refusal, such as %s", len(g.wrong), g.wrong[0])
	}
}
