package blackbox_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// An attack is what strangers do on many sockets at once. strike has one of them, until it has done
// what it does or the context ends; then it comes back on another.
type attack struct {
	name    string
	sockets [2]int // by default, and at the full figure
	attempt func(ctx context.Context, a *attackers, conn net.Conn)
}

// attackers are at work on a daemon.
type attackers struct {
	*Daemon
	attempts, completed atomic.Int64 // that were begun, and that went as they were meant to
	wrongAnswers        atomic.Int64 // answers that no attacker should get
}

var attacks = []attack{
	{"silence", [2]int{100, 5000}, holdSilent},
	{"slow headers", [2]int{100, 5000}, slowHeaders},
	{"slow bodies", [2]int{100, 5000}, slowBodies},
	{"slow readers", [2]int{50, 1000}, slowReaders},
	{"a megabyte of headers", [2]int{8, 200}, hugeHeaders},
	{"10,000 parameters", [2]int{4, 16}, manyParameters},
	{"100 MB bodies", [2]int{4, 50}, hugeBodies},
	{"pipelining", [2]int{2, 4}, pipelining},
	{"garbage", [2]int{10, 200}, sendGarbage},
	{"HTTP/2 unasked", [2]int{10, 200}, sendHTTP2},
}

// TestAttacks holds that strangers who are slow, large or senseless cost the others nothing: honest
// clients are served meanwhile, the daemon stays small, keeps nothing of them, and stops as it should.
func TestAttacks(t *testing.T) {
	ParallelUnlessScaled(t)
	few := []string{"--max-connections", "64"} // fewer than there are sockets
	if *Scale > 0 {
		few = nil // the default is
	}
	t.Run("sqlite", func(t *testing.T) {
		ParallelUnlessScaled(t)
		underAttack(NewSQLiteShop(t), few)
	})
	t.Run("postgres", func(t *testing.T) {
		ParallelUnlessScaled(t)
		underAttack(NewPostgresShop(t, pgtest.URL(t)), few)
	})
}

// ParallelUnlessScaled runs a test in parallel, unless it measures time.
func ParallelUnlessScaled(t *testing.T) {
	if *Scale == 0 {
		t.Parallel()
	}
}

// The bounds that hold during an attack, at the full figure for the first: with other tests beside it
// a machine is slow.
const (
	maxVisitP99  = 200 * time.Millisecond // of the 99th of 100 honest requests
	maxMemoryMiB = 256                    // of the daemon, in MiB
)

func underAttack(s *Shop, flags []string) {
	h := newVisitors(s)
	d := s.Serve(append(flags, "--log-level", "info", "--key-task-limit", "0")...)
	peace := h.visit(d, time.Duration(Scaled(200, 2000))*time.Millisecond)
	before := d.usage()
	s.Logf("%-22s %v", "peace", peace)
	if *Scale > 0 && peace.p99 > maxVisitP99/2 {
		s.Errorf("the machine is busy with other things, nothing is proven: in peace p99 is %s", peace.p99)
	}
	var worst visitResult
	strikes := 0
	for _, attack := range attacks {
		a := &attackers{Daemon: d}
		seen := a.run(attack, h)
		s.Logf("%-22s %7d strikes %7d done; %v", attack.name, a.attempts.Load(), a.completed.Load(), seen)
		if n := a.wrongAnswers.Load(); n > 0 || a.completed.Load() == 0 {
			s.Errorf("%s: %d strikes went as meant, %d got a wrong answer", attack.name, a.completed.Load(), n)
		}
		for _, fault := range seen.faults(*Scale > 0) {
			s.Errorf("%s: %s", attack.name, fault)
		}
		worst, strikes = worst.worst(seen), strikes+int(a.attempts.Load())
		s.Eventually("what attackers took is given back after "+attack.name, func() bool { return d.usage().withinLeakLimit(before) })
	}
	memory := d.stopAttacked()
	Report(s, len(attacks), strikes, "honest", worst.requests, "peace", peace.p99, "p99", worst.p99, "slowest", worst.slowest, "MiB", memory)
}

// stopAttacked stops a daemon that has been attacked, and gives the memory that it had.
func (d *Daemon) stopAttacked() int {
	d.Helper()
	memory := d.peakMemory()
	if memory > maxMemoryMiB {
		d.Errorf("the daemon had %d MiB", memory)
	}
	d.CheckDoctor()
	d.Stop()
	return memory
}

// run has an attack while honest clients ask.
func (a *attackers) run(x attack, h *visitors) visitResult {
	ctx, stop := context.WithCancel(a.Context())
	var group sync.WaitGroup
	sockets := max(x.sockets[0], int(*Scale*float64(x.sockets[1])))
	for i := range sockets {
		group.Go(func() {
			for ctx.Err() == nil {
				a.attempt(ctx, x, i)
				sleep(ctx, time.Duration(sockets)*time.Millisecond) // so that it is not the attackers who need the machine
			}
		})
	}
	sleep(ctx, time.Duration(Scaled(50, 1500))*time.Millisecond) // for all to have come
	seen := h.visit(a.Daemon, time.Duration(Scaled(300, 4000))*time.Millisecond)
	stop()
	group.Wait()
	return seen
}

func (a *attackers) attempt(ctx context.Context, x attack, i int) {
	conn, err := a.dialFrom(ctx, i)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }() // it was in bad hands
	leave := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer leave()
	a.attempts.Add(1)
	x.attempt(ctx, a, conn)
}

// dialFrom comes from one of 200 addresses on loopback, where there are as many.
func (d *Daemon) dialFrom(ctx context.Context, i int) (net.Conn, error) {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%200))}}
	address := strings.TrimPrefix(d.URL, "http://")
	conn, err := from.DialContext(ctx, "tcp", address)
	if err != nil {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return conn, err
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// A usage is what a daemon has in its hands.
type usage struct{ goroutines, files float64 }

func (d *Daemon) usage() usage {
	d.Helper()
	d.Client.CloseIdleConnections()
	m := d.Scrape()
	return usage{m.Sum("go_goroutines"), m.Sum("process_open_fds")}
}

// withinLeakLimit allows for connections of databases, which come and go.
func (h usage) withinLeakLimit(before usage) bool {
	const some = 20
	return h.goroutines <= before.goroutines+some && h.files <= before.files+some
}

func (h usage) String() string {
	return fmt.Sprintf("%v goroutines and %v files", h.goroutines, h.files)
}
