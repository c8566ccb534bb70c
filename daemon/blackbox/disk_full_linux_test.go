package blackbox_test

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
)

// TestDiskFull holds that a full disk costs nothing that was accepted, that requests are refused
// meanwhile and nothing false is said, and that the same daemon serves again soon after there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		d := newDisk(t, "24m")
		s := newShop(t)
		s.database = "sqlite:" + filepath.Join(d.path, "keyseat.db")
		d.fillsUp(s, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		d := newDisk(t, "112m")
		cluster := pgtest.Start(t, pgtest.Options{
			Data:   filepath.Join(d.path, "data"),
			Config: []string{"min_wal_size=32MB", "max_wal_size=32MB", "wal_recycle=off"},
		})
		d.fillsUp(onPostgres(t, cluster.URL(t)), cluster)
	})
}

// TestAFullDiskIsNotReady holds that /readyz says that no write succeeds, and that it is ready again once there
// is room, without a request.
func TestAFullDiskIsNotReady(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "24m")
	s := newShop(t)
	s.database = "sqlite:" + filepath.Join(disk.path, "keyseat.db")
	var codes []string
	for i := range 2000 {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.fresh(append(codes, "K")...)
	s.importPlans("p,US,3000,,")
	d := s.serve()
	disk.fill()
	s.until("a request finds no room", func() bool {
		code := codes[0]
		codes = codes[1:]
		return d.post(upgrade(code, "success@example.com", "US")).code == http.StatusServiceUnavailable
	})
	d.notReady("disk")
	if err := disk.free(); err != nil {
		t.Fatal(err)
	}
	s.until("it is ready", func() bool { return d.ready() == http.StatusOK })
	d.accepted(upgrade("K", "success@example.com", "US"))
	d.endsAs("K", "success", "")
}

// A disk is a small file system of its own.
type disk struct {
	path string
	stop chan struct{}
	hog  sync.WaitGroup
}

// newDisk needs the right to mount.
func newDisk(t *testing.T, size string) *disk {
	t.Helper()
	d := &disk{path: filepath.Join(t.TempDir(), "disk")}
	if err := os.Mkdir(d.path, 0o755); err != nil { //nolint:gosec // the server is another user
		t.Fatal(err)
	}
	letThrough(t, filepath.Dir(d.path))
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

// letThrough lets other users through to a test's folder.
func letThrough(t *testing.T, folder string) {
	t.Helper()
	for _, path := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // the server is another user
			t.Fatal(err)
		}
	}
}

// fill takes all the room there is, and all that becomes free, until [disk.free].
func (d *disk) fill() {
	d.stop = make(chan struct{})
	d.hog.Go(func() {
		ballast, err := os.Create(d.ballast())
		if err != nil {
			return // not even a name fits
		}
		defer func() { _ = ballast.Close() }() // it is removed
		for chunk := make([]byte, 4<<10); ; {
			if _, err := ballast.Write(chunk); err == nil {
				continue
			}
			select {
			case <-d.stop:
				return
			case <-time.After(time.Millisecond): // until something else gives room
			}
		}
	})
}

func (d *disk) free() error {
	close(d.stop)
	d.hog.Wait()
	return os.Remove(d.ballast())
}

func (d *disk) ballast() string { return filepath.Join(d.path, "ballast") }

// fillsUp fills the disk under load and frees it again, some times.
func (d *disk) fillsUp(s *shop, cluster *pgtest.Cluster) {
	s.Helper()
	const room = 10 * time.Second // to serve again
	rounds := figure(1, 20)
	l := loadOf(s, 20*rounds)
	l.late, l.slowest = patience, 5*patience // while there is no room nothing ends, and that is most of the time
	daemon := s.serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	gate := &gate{inner: daemon.client.Transport}
	daemon.client.Transport = gate
	l.begin(daemon)
	slowest := time.Duration(0)
	for round := range rounds {
		l.goesOn(20)
		d.fill()
		d.presses(s, cluster, round)
		before := gate.refused.Load()
		l.until("requests are refused", func() bool { return gate.refused.Load() >= before+20 })
		if err := d.free(); err != nil {
			s.Fatal(err)
		}
		start := time.Now()
		l.recovers(cluster)
		slowest = max(slowest, time.Since(start))
	}
	l.goesOn(20)
	l.end()
	f := l.settled()
	daemon.stop()
	gate.report(s)
	if slowest > room {
		s.Errorf("it took %s to serve again", slowest)
	}
	tried(s, rounds, rounds, "acked", f.acked, "lost", f.lost, "unanswered", f.unanswered,
		"refused", gate.refused.Load(), "slowest", slowest, "panics", gaveUp(s, cluster))
}

// gaveUp counts how often Postgres gave up, which it must have in the first round.
func gaveUp(s *shop, cluster *pgtest.Cluster) int {
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

// presses makes the database need room at once: SQLite for its log, which a command that ends has made
// short; Postgres, every other time, for its own, without which it gives up.
func (d *disk) presses(s *shop, cluster *pgtest.Cluster, round int) {
	if cluster == nil {
		s.cli("stock") // it may fail
		return
	}
	for range 5 * ((round + 1) % 2) {
		if cluster.Try("SELECT pg_switch_wal()") != nil {
			return // there was no room for the next segment
		}
	}
}

// recovers waits until requests are accepted. Postgres is started again if it went down: that is not
// for the daemon to do.
func (l *load) recovers(cluster *pgtest.Cluster) {
	l.Helper()
	goal := l.acked.Load() + 1
	l.until("requests are accepted again", func() bool {
		if cluster != nil && cluster.Down() {
			cluster.Restart(l)
		}
		return l.acked.Load() >= goal
	})
}

// A gate looks at every answer.
type gate struct {
	inner   http.RoundTripper
	refused atomic.Int64

	mu    sync.Mutex
	false []string // what should not have been said
}

// maySay is all that may be said to a request. Where one of them is not about the request itself,
// an earlier one without an answer has been accepted.
var maySay = []string{upgradeSent, renewSent, refused(upgradeOpen), refused(renewOpen), refused(keyUsed), refused(keyUnused)}

// RoundTrip implements [http.RoundTripper].
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := g.inner.RoundTrip(r)
	if err != nil {
		g.note(err.Error())
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // it was read
	response.Body = io.NopCloser(bytes.NewReader(body))
	switch said := string(body); {
	case response.StatusCode == http.StatusServiceUnavailable && said == away:
		g.refused.Add(1)
	case response.StatusCode != http.StatusOK || said == notExist,
		r.Method == http.MethodPost && !slices.Contains(maySay, said):
		g.note(response.Status + " " + said)
	}
	return response, err
}

func (g *gate) note(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.false = append(g.false, what)
}

func (g *gate) report(s *shop) {
	s.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.false) > 0 {
		s.Errorf("%d answers that are neither true nor a refusal, such as %s", len(g.false), g.false[0])
	}
}
