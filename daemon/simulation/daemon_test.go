package simulation_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/tasks"
)

// A daemonOf a world is a program that is started, and dies, any number of times.
type daemonOf struct {
	*world
	id     int
	mu     sync.Mutex
	life   *life // nil: it is not running
	lives  int
	counts map[call]int
	thaw   time.Time    // until when it is frozen
	froze  bool         // ever: what it then sends may come late
	back   time.Time    // until when the store is out of its reach
	silent bool         // its calls hang until then
	wall   atomic.Int64 // what was done to its wall clock
}

// random and noise are the daemon's own, so that it does not act at the same instants as the others.
func (d *daemonOf) random(salt uint64) uint64 { return d.world.random(salt<<8 | uint64(d.id+1)) }

func (d *daemonOf) noise(salt uint64) time.Duration { return d.world.noise(salt<<8 | uint64(d.id+1)) }

// A life is one process.
type life struct {
	*daemonOf
	name string
	dead chan struct{}
	end  context.CancelFunc
	done chan struct{}
	crew *daemon.Crew
}

// start begins a life, unless there is one or the world is at its end.
func (d *daemonOf) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.life != nil || d.over.Load() {
		return
	}
	d.lives++
	ctx, end := context.WithCancel(context.Background())
	l := &life{daemonOf: d, name: fmt.Sprintf("d%d.%d", d.id, d.lives), dead: make(chan struct{}), end: end, done: make(chan struct{})}
	l.crew = daemon.NewCrew(l.engine())
	l.crew.Name, l.crew.Lease, l.crew.Workers, l.crew.Poll = l.name, d.Lease, 3, 2*time.Second
	d.life = l
	go func() {
		defer close(l.done)
		_ = l.crew.Run(ctx, 25*time.Second) // what is left behind is what the checks look for
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

// plain is a sealer that seals nothing: here nobody looks.
type plain struct{}

func (plain) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// now is a clock that is far off and runs evenly, as a monotonic one does.
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

// kill ends a life at once: none of its calls arrives any more, but for those on their way.
func (d *daemonOf) kill() {
	if l := d.leave(); l != nil {
		close(l.dead)
		l.end()
	}
}

// restart is how soon a daemon that has died by itself is started again.
const restart = 3 * time.Second

// die is how a life ends itself.
func (l *life) die() {
	if l.current() == l {
		l.kill()
		time.AfterFunc(restart, l.start)
	}
}

// stop ends a life as a signal does, and waits for it.
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

// freeze stops the world for a daemon, as SIGSTOP does, at the next call that each of its goroutines makes.
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

// awake waits until a daemon is not frozen.
func (d *daemonOf) awake() {
	for {
		left, _ := d.frozen()
		if left <= 0 || d.calm.Load() {
			return
		}
		time.Sleep(left)
	}
}

// away puts the store out of the daemon's reach.
func (d *daemonOf) away(long time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.back, d.silent = time.Now().Add(long), silent
}

// reach says for how long the store is out of reach, and whether calls hang.
func (d *daemonOf) reach() (left time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calm.Load() {
		return 0, false
	}
	return time.Until(d.back), d.silent
}

// next gives the fault of the next call of that kind, if there is one.
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
