// Package attacks_test tests that attackers disturb no other client, and that secrets are found nowhere.
package attacks_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// An attack is made on many sockets simultaneously. The function attempt attacks with one socket until the attempt is
// over or the context ends. Then it is called again with a new socket.
type attack struct {
	name    string
	sockets [2]int // the number of sockets of a short test, and that at full length
	attempt func(ctx context.Context, a *attackers, conn net.Conn)
}

// attackers attack a daemon.
type attackers struct {
	*harness.Daemon
	attempts, completed atomic.Int64 // the attempts that were started, and those that went as intended
	wrongAnswers        atomic.Int64 // responses that no attacker should get
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

// TestAttacks sends slow, large and invalid requests. Meanwhile other clients are served. The daemon uses little
// memory, stores nothing of the attackers, and stops in time.
func TestAttacks(t *testing.T) {
	harness.ParallelUnlessScaled(t)
	few := []string{"--max-connections", "64"} // fewer than the sockets of an attack
	if *harness.Scale > 0 {
		few = nil // the default
	}
	t.Run("sqlite", func(t *testing.T) {
		harness.ParallelUnlessScaled(t)
		underAttack(harness.NewSQLiteShop(t), few)
	})
	t.Run("postgres", func(t *testing.T) {
		harness.ParallelUnlessScaled(t)
		underAttack(harness.NewPostgresShop(t, pgtest.URL(t)), few)
	})
}

// The limits during an attack. The first applies at full length only, because other tests make a machine slow.
const (
	maxVisitP99  = 200 * time.Millisecond // of 99 of 100 requests of visitors
	maxMemoryMiB = 256                    // the peak memory of the daemon
)

func underAttack(s *harness.Shop, flags []string) {
	h := newVisitors(s)
	d := s.Serve(append(flags, "--log-level", "info", "--key-task-limit", "0")...)
	undisturbed := h.visit(d, time.Duration(harness.Scaled(200, 2000))*time.Millisecond)
	before := measureUsage(d)
	s.Logf("%-22s %v", "undisturbed", undisturbed)
	if *harness.Scale > 0 && undisturbed.p99 > maxVisitP99/2 {
		s.Errorf("the machine is too busy, nothing is proven: p99 before the attack is %s", undisturbed.p99)
	}
	var worst visitResult
	attempts := 0
	for _, attack := range attacks {
		a := &attackers{Daemon: d}
		seen := a.run(attack, h)
		s.Logf("%-22s %7d attempts %7d done; %v", attack.name, a.attempts.Load(), a.completed.Load(), seen)
		if n := a.wrongAnswers.Load(); n > 0 || a.completed.Load() == 0 {
			s.Errorf("%s: %d attempts went as intended, %d got a wrong answer", attack.name, a.completed.Load(), n)
		}
		for _, fault := range seen.faults(*harness.Scale > 0) {
			s.Errorf("%s: %s", attack.name, fault)
		}
		worst, attempts = worst.worst(seen), attempts+int(a.attempts.Load())
		s.Eventually("resources are released after "+attack.name, func() bool { return measureUsage(d).withinLeakLimit(before) })
	}
	memory := stopAttacked(d)
	harness.Report(s, len(attacks), attempts, "visits", worst.requests, "p99_before", undisturbed.p99, "p99", worst.p99, "slowest", worst.slowest, "MiB", memory)
}

// stopAttacked stops a daemon after an attack, and returns its peak memory.
func stopAttacked(d *harness.Daemon) int {
	d.Helper()
	memory := peakMemory(d)
	if memory > maxMemoryMiB {
		d.Errorf("the daemon had %d MiB", memory)
	}
	d.CheckDoctor()
	d.Stop()
	return memory
}

// run runs an attack while visitors use the daemon.
func (a *attackers) run(x attack, h *visitors) visitResult {
	ctx, stop := context.WithCancel(a.Context())
	var group sync.WaitGroup
	sockets := max(x.sockets[0], int(*harness.Scale*float64(x.sockets[1])))
	for i := range sockets {
		group.Go(func() {
			for ctx.Err() == nil {
				a.attempt(ctx, x, i)
				sleep(ctx, time.Duration(sockets)*time.Millisecond) // so that attackers do not use the whole machine
			}
		})
	}
	sleep(ctx, time.Duration(harness.Scaled(50, 1500))*time.Millisecond) // until all have connected
	seen := h.visit(a.Daemon, time.Duration(harness.Scaled(300, 4000))*time.Millisecond)
	stop()
	group.Wait()
	return seen
}

func (a *attackers) attempt(ctx context.Context, x attack, i int) {
	conn, err := dialFrom(ctx, a.Daemon, i)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }() // the attempt is over
	leave := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer leave()
	a.attempts.Add(1)
	x.attempt(ctx, a, conn)
}

// dialFrom connects from one of 200 loopback addresses, if the system has them.
func dialFrom(ctx context.Context, d *harness.Daemon, i int) (net.Conn, error) {
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

// A usage is the number of goroutines and of open files of a daemon.
type usage struct{ goroutines, files float64 }

func measureUsage(d *harness.Daemon) usage {
	d.Helper()
	d.Client.CloseIdleConnections()
	m := d.Scrape()
	return usage{m.Sum("go_goroutines"), m.Sum("process_open_fds")}
}

// withinLeakLimit allows for connections to the database, whose number varies.
func (h usage) withinLeakLimit(before usage) bool {
	const some = 20
	return h.goroutines <= before.goroutines+some && h.files <= before.files+some
}

func (h usage) String() string {
	return fmt.Sprintf("%v goroutines and %v files", h.goroutines, h.files)
}

// TestAttackCheckerFindsFaults checks that the checks of [TestAttacks] find slow, missing and failed requests of
// visitors, and a leak.
func TestAttackCheckerFindsFaults(t *testing.T) {
	quick := slices.Repeat([]time.Duration{time.Millisecond}, 1000)
	if all := summarize(slices.Clone(quick), 0, 3).faults(true); all != nil {
		t.Error(all)
	}
	slow := slices.Clone(quick)
	for i := range 11 {
		slow[i*90] = time.Second
	}
	for what, s := range map[string]visitResult{
		"11 slow requests of 1000": summarize(slow, 0, 0),
		"one request unserved":     summarize(slices.Clone(quick), 1, 0),
		"no request":               summarize(nil, 0, 0),
	} {
		if s.faults(true) == nil {
			t.Errorf("%s: passes as %v", what, s)
		}
	}
	if (usage{100, 10}).withinLeakLimit(usage{50, 10}) || (usage{50, 40}).withinLeakLimit(usage{50, 10}) || !(usage{55, 12}).withinLeakLimit(usage{50, 10}) {
		t.Error("a leak passes")
	}
}

// TestLeakCheckFindsLeaks opens many connections to a daemon without a limit of connections, and the check of leaks
// must find them. With a limit, the daemon closes the first connections.
func TestLeakCheckFindsLeaks(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--max-connections", "0", "--log-level", "info")
	before := measureUsage(d)
	const sockets = 200
	for i := range sockets {
		conn, err := dialFrom(s.Context(), d, i)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // the test has ended
	}
	s.Eventually("the checker sees what is held", func() bool { return !measureUsage(d).withinLeakLimit(before) })
	d.Stop()
	d = s.Serve("--max-connections", "8", "--log-level", "info")
	before = measureUsage(d)
	for i := range sockets {
		conn, err := dialFrom(s.Context(), d, i)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // the test has ended
	}
	s.Eventually("the first of them have been closed", func() bool { return measureUsage(d).withinLeakLimit(before) })
	d.Stop()
}
