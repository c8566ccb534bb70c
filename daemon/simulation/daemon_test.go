package simulation_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

// A daemonOf a world is a program that can start and die any number of times.
type daemonOf struct {
	*world
	id     int
	mu     sync.Mutex
	life   *life // nil: the daemon is not running
	lives  int
	counts map[call]int
	thaw   time.Time    // the daemon is frozen until this time
	froze  bool         // the daemon was frozen at least once, so its calls may arrive late
	back   time.Time    // the store is unreachable until this time
	silent bool         // while the store is unreachable, calls hang instead of failing
	wall   atomic.Int64 // the sum of all adjustments of its wall clock
}

// random and noise return numbers of the daemon's own, so that it does not act at the same instants as the
// others.
func (d *daemonOf) random(salt uint64) uint64 { return d.world.random(salt<<8 | uint64(d.id+1)) }

func (d *daemonOf) noise(salt uint64) time.Duration { return d.world.noise(salt<<8 | uint64(d.id+1)) }

// A life is one process of a daemon.
type life struct {
	*daemonOf
	name string
	dead chan struct{}
	end  context.CancelFunc
	done chan struct{}
	pool *worker.Pool
}

// start starts a process, unless one is running or the run of the world has ended.
func (d *daemonOf) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.life != nil || d.over.Load() {
		return
	}
	d.lives++
	ctx, end := context.WithCancel(context.Background())
	l := &life{daemonOf: d, name: fmt.Sprintf("d%d.%d", d.id, d.lives), dead: make(chan struct{}), end: end, done: make(chan struct{})}
	l.pool = worker.New(l.engine())
	l.pool.Name, l.pool.Lease, l.pool.Workers, l.pool.PollInterval = l.name, d.Lease, 3, 2*time.Second
	d.life = l
	go func() {
		defer close(l.done)
		_ = l.pool.Run(ctx, 25*time.Second) // the checks find everything that it leaves unfinished
	}()
}

func (l *life) engine() tasks.Engine {
	var store tasks.Store = wire{l}
	if l.Grouped {
		store = batchstore.New(store, batchstore.Options{})
	}
	if l.bug.above != nil {
		store = l.bug.above(l, store)
	}
	var connector tasks.Connector = phone{l}
	if l.bug.connector != nil {
		connector = l.bug.connector(connector)
	}
	return tasks.Engine{
		Store: store, Connector: connector, Sealer: plain{}, Rules: rules(),
		NewID: l.newID, Now: l.now, Pause: l.pause,
		Jitter: func() float64 { return float64(l.random(2)%1000) / 1000 },
	}
}

// The sealer plain does not encrypt, because no test here reads the sealed data.
type plain struct{}

func (plain) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// now returns the time of a clock with a large constant offset. The clock runs evenly, as a monotonic clock
// does.
func (l *life) now() time.Time {
	off := time.Duration(l.id-1) * 10 * time.Minute
	if l.bug.wall {
		off += time.Duration(l.wall.Load())
	}
	return time.Now().Add(off)
}

func (l *life) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.dead:
		return errDead
	case <-time.After(d):
		return nil
	}
}

// kill ends a process immediately. Calls that have already left the process still arrive.
func (d *daemonOf) kill() {
	if l := d.leave(); l != nil {
		close(l.dead)
		l.end()
	}
}

// restart is the pause before a daemon that has died by a fault is started again.
const restart = 3 * time.Second

// die ends the process because of a fault.
func (l *life) die() {
	if l.current() == l {
		l.kill()
		time.AfterFunc(restart, l.start)
	}
}

// stop ends a process as a signal does, and waits for its end.
func (d *daemonOf) stop() {
	if l := d.leave(); l != nil {
		l.end()
		<-l.done
	}
}

func (d *daemonOf) leave() *life {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.life
	d.life = nil
	return l
}

func (d *daemonOf) current() *life {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.life
}

func (l *life) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

// freeze freezes a daemon as SIGSTOP does. Each of its goroutines stops at its next call.
func (d *daemonOf) freeze(long time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.thaw, d.froze = time.Now().Add(long), true
}

func (d *daemonOf) frozen() (left time.Duration, ever bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Until(d.thaw), d.froze
}

// awake waits until the daemon is not frozen.
func (d *daemonOf) awake() {
	for {
		left, _ := d.frozen()
		if left <= 0 || d.calm.Load() {
			return
		}
		time.Sleep(left)
	}
}

// away makes the store unreachable for the daemon.
func (d *daemonOf) away(long time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.back, d.silent = time.Now().Add(long), silent
}

// reach returns how long the store is still unreachable, and whether calls hang.
func (d *daemonOf) reach() (left time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calm.Load() {
		return 0, false
	}
	return time.Until(d.back), d.silent
}

// next returns the fault of the next call of a kind, if there is one.
func (d *daemonOf) next(c call) (fault, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.counts[c]
	d.counts[c]++
	for _, f := range d.Faults {
		if f.Daemon%d.Daemons == d.id && f.Call == c && f.Nth == n && !d.calm.Load() {
			return f, true
		}
	}
	return fault{}, false
}
