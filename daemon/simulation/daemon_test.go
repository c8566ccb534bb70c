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

// A simDaemon is a daemon of a world. It can start and die any number of times.
type simDaemon struct {
	*world
	id          int
	mu          sync.Mutex
	process     *process // nil: the daemon is not running
	processes   int
	counts      map[call]int
	frozenUntil time.Time    // the daemon is frozen until this time
	everFrozen  bool         // the daemon was frozen before, so its calls may arrive late
	cutUntil    time.Time    // the store is unreachable until this time
	silent      bool         // while the store is unreachable, calls hang instead of failing
	wall        atomic.Int64 // the sum of all adjustments of its wall clock
}

// random returns other numbers for each daemon, so that daemons do not act at the same instants.
func (d *simDaemon) random(salt uint64) uint64 { return d.world.random(salt<<8 | uint64(d.id+1)) }

func (d *simDaemon) noise(salt uint64) time.Duration { return d.world.noise(salt<<8 | uint64(d.id+1)) }

// A process is one process of a daemon.
type process struct {
	*simDaemon
	name string
	dead chan struct{}
	end  context.CancelFunc
	done chan struct{}
	pool *worker.Pool
}

// start starts a process of the daemon, unless one is running or no daemon starts any more.
func (d *simDaemon) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.process != nil || d.noMoreStarts.Load() {
		return
	}
	d.processes++
	ctx, end := context.WithCancel(context.Background())
	l := &process{simDaemon: d, name: fmt.Sprintf("d%d.%d", d.id, d.processes), dead: make(chan struct{}), end: end, done: make(chan struct{})}
	l.pool = worker.New(l.engine())
	l.pool.Name, l.pool.Lease, l.pool.Workers, l.pool.PollInterval = l.name, d.Lease, 3, 2*time.Second
	d.process = l
	go func() {
		defer close(l.done)
		_ = l.pool.Run(ctx, 25*time.Second) // the checks find unfinished work
	}()
}

func (l *process) engine() tasks.Engine {
	var store tasks.Store = lineStore{l}
	if l.Grouped {
		store = batchstore.New(store, batchstore.Options{})
	}
	if l.bug.above != nil {
		store = l.bug.above(l, store)
	}
	var connector tasks.Connector = lineConnector{l}
	if l.bug.connector != nil {
		connector = l.bug.connector(connector)
	}
	return tasks.Engine{
		Store: store, Connector: connector, Sealer: noSealer{}, Rules: rules(),
		NewID: l.newID, Now: l.now, Pause: l.pause,
		Jitter: func() float64 { return float64(l.random(2)%1000) / 1000 },
	}
}

// A noSealer is a sealer that does not encrypt, because no check reads sealed accounts.
type noSealer struct{}

func (noSealer) Seal(text, _ []byte) ([]byte, error)   { return text, nil }
func (noSealer) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// now returns the time of a clock with a large constant offset. The clock runs evenly, as a monotonic clock
// does.
func (l *process) now() time.Time {
	off := time.Duration(l.id-1) * 10 * time.Minute
	if l.bug.wall {
		off += time.Duration(l.wall.Load())
	}
	return time.Now().Add(off)
}

func (l *process) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.dead:
		return errDead
	case <-time.After(d):
		return nil
	}
}

// kill ends the daemon's process immediately. Calls that have already left the process arrive nevertheless.
func (d *simDaemon) kill() {
	if l := d.detach(); l != nil {
		close(l.dead)
		l.end()
	}
}

// restart is the pause before a daemon that has died by a fault is started again.
const restart = 3 * time.Second

// die ends the process because of a fault.
func (l *process) die() {
	if l.current() == l {
		l.kill()
		time.AfterFunc(restart, l.start)
	}
}

// stop ends the daemon's process as a signal does, and waits for its end.
func (d *simDaemon) stop() {
	if l := d.detach(); l != nil {
		l.end()
		<-l.done
	}
}

func (d *simDaemon) detach() *process {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.process
	d.process = nil
	return l
}

func (d *simDaemon) current() *process {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.process
}

func (l *process) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

// freeze freezes a daemon as SIGSTOP does. Each of its goroutines stops at its next call.
func (d *simDaemon) freeze(long time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozenUntil, d.everFrozen = time.Now().Add(long), true
}

func (d *simDaemon) frozen() (left time.Duration, ever bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Until(d.frozenUntil), d.everFrozen
}

// waitThawed waits until the daemon is not frozen.
func (d *simDaemon) waitThawed() {
	for {
		left, _ := d.frozen()
		if left <= 0 || d.faultsOver.Load() {
			return
		}
		time.Sleep(left)
	}
}

// cutStore makes the store unreachable for the daemon.
func (d *simDaemon) cutStore(long time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutUntil, d.silent = time.Now().Add(long), silent
}

// unreachable returns how long the store is still unreachable, and whether calls hang.
func (d *simDaemon) unreachable() (left time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.faultsOver.Load() {
		return 0, false
	}
	return time.Until(d.cutUntil), d.silent
}

// nextFault returns the fault that the history has for the daemon's next call of a kind, if any.
func (d *simDaemon) nextFault(c call) (fault, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.counts[c]
	d.counts[c]++
	for _, f := range d.Faults {
		if f.Daemon%d.Daemons == d.id && f.Call == c && f.Nth == n && !d.faultsOver.Load() {
			return f, true
		}
	}
	return fault{}, false
}
