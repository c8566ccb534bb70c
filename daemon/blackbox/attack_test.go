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
	strike  func(ctx context.Context, a *attackers, conn net.Conn)
}

// attackers are at work on a daemon.
type attackers struct {
	*daemon
	strikes, harms atomic.Int64 // that were begun, and that went as they were meant to
	wrongs         atomic.Int64 // answers that no attacker should get
}

var attacks = []attack{
	{"silence", [2]int{100, 5000}, silence},
	{"slow headers", [2]int{100, 5000}, slowHeaders},
	{"slow bodies", [2]int{100, 5000}, slowBodies},
	{"slow readers", [2]int{50, 1000}, slowReaders},
	{"a megabyte of headers", [2]int{8, 200}, hugeHeaders},
	{"10,000 parameters", [2]int{4, 16}, manyParameters},
	{"100 MB bodies", [2]int{4, 50}, hugeBodies},
	{"pipelining", [2]int{2, 4}, pipelining},
	{"garbage", [2]int{10, 200}, garbage},
	{"HTTP/2 unasked", [2]int{10, 200}, prefaces},
}

// TestAttacks holds that strangers who are slow, large or senseless cost the others nothing: honest
// clients are served meanwhile, the daemon stays small, keeps nothing of them, and stops as it should.
func TestAttacks(t *testing.T) {
	besideOthers(t)
	few := []string{"--max-connections", "64"} // fewer than there are sockets
	if *scale > 0 {
		few = nil // the default is
	}
	t.Run("sqlite", func(t *testing.T) {
		besideOthers(t)
		withstand(onSQLite(t), few)
	})
	t.Run("postgres", func(t *testing.T) {
		besideOthers(t)
		withstand(onPostgres(t, pgtest.URL(t)), few)
	})
}

// besideOthers runs a test in parallel, unless it measures time.
func besideOthers(t *testing.T) {
	if *scale == 0 {
		t.Parallel()
	}
}

// The bounds that hold during an attack, at the full figure for the first: with other tests beside it
// a machine is slow.
const (
	mostWait   = 200 * time.Millisecond // of the 99th of 100 honest requests
	mostMemory = 256                    // of the daemon, in MiB
)

func withstand(s *shop, flags []string) {
	h := stockHonest(s)
	d := s.serve(append(flags, "--log-level", "info", "--key-task-limit", "0")...)
	peace := h.visit(d, time.Duration(figure(200, 2000))*time.Millisecond)
	before := d.holds()
	s.Logf("%-22s %v", "peace", peace)
	if *scale > 0 && peace.p99 > mostWait/2 {
		s.Errorf("the machine is busy with other things, nothing is proven: in peace p99 is %s", peace.p99)
	}
	var worst served
	strikes := 0
	for _, attack := range attacks {
		a := &attackers{daemon: d}
		seen := a.strikeAll(attack, h)
		s.Logf("%-22s %7d strikes %7d done; %v", attack.name, a.strikes.Load(), a.harms.Load(), seen)
		if n := a.wrongs.Load(); n > 0 || a.harms.Load() == 0 {
			s.Errorf("%s: %d strikes went as meant, %d got a wrong answer", attack.name, a.harms.Load(), n)
		}
		for _, fault := range seen.faults(*scale > 0) {
			s.Errorf("%s: %s", attack.name, fault)
		}
		worst, strikes = worst.worse(seen), strikes+int(a.strikes.Load())
		s.until("what attackers took is given back after "+attack.name, func() bool { return d.holds().within(before) })
	}
	memory := d.unharmed()
	tried(s, len(attacks), strikes, "honest", worst.asked, "peace", peace.p99, "p99", worst.p99, "slowest", worst.slowest, "MiB", memory)
}

// unharmed stops a daemon that has been attacked, and gives the memory that it had.
func (d *daemon) unharmed() int {
	d.Helper()
	memory := d.memory()
	if memory > mostMemory {
		d.Errorf("the daemon had %d MiB", memory)
	}
	d.well()
	d.stop()
	return memory
}

// strikeAll has an attack while honest clients ask.
func (a *attackers) strikeAll(x attack, h *honest) served {
	ctx, stop := context.WithCancel(a.Context())
	var group sync.WaitGroup
	sockets := max(x.sockets[0], int(*scale*float64(x.sockets[1])))
	for i := range sockets {
		group.Go(func() {
			for ctx.Err() == nil {
				a.strike(ctx, x, i)
				pause(ctx, time.Duration(sockets)*time.Millisecond) // so that it is not the attackers who need the machine
			}
		})
	}
	pause(ctx, time.Duration(figure(50, 1500))*time.Millisecond) // for all to have come
	seen := h.visit(a.daemon, time.Duration(figure(300, 4000))*time.Millisecond)
	stop()
	group.Wait()
	return seen
}

func (a *attackers) strike(ctx context.Context, x attack, i int) {
	conn, err := a.dialFrom(ctx, i)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }() // it was in bad hands
	leave := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer leave()
	a.strikes.Add(1)
	x.strike(ctx, a, conn)
}

// dialFrom comes from one of 200 addresses on loopback, where there are as many.
func (d *daemon) dialFrom(ctx context.Context, i int) (net.Conn, error) {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%200))}}
	address := strings.TrimPrefix(d.url, "http://")
	conn, err := from.DialContext(ctx, "tcp", address)
	if err != nil {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return conn, err
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// A hold is what a daemon has in its hands.
type hold struct{ goroutines, files float64 }

func (d *daemon) holds() hold {
	d.Helper()
	d.client.CloseIdleConnections()
	m := d.scrape()
	return hold{m.sum("go_goroutines"), m.sum("process_open_fds")}
}

// within allows for connections of databases, which come and go.
func (h hold) within(before hold) bool {
	const some = 20
	return h.goroutines <= before.goroutines+some && h.files <= before.files+some
}

func (h hold) String() string {
	return fmt.Sprintf("%v goroutines and %v files", h.goroutines, h.files)
}
