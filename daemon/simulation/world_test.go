package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A world is one run of a history, with or without a bug. It is made and used in a bubble of
// testing/synctest.
type world struct {
	history
	ctx          context.Context // a context that never ends, so that it interrupts no check
	bug          bug
	store        *auditor
	provider     *provider
	daemons      []*simDaemon
	clients      sync.WaitGroup
	journal      journal
	ids          atomic.Int64
	faultsOver   atomic.Bool // no fault happens any more
	noMoreStarts atomic.Bool // no daemon starts any more
	faults       report
}

// A report lists the violations that were found.
type report struct {
	mu    sync.Mutex
	found []string
}

// add records a violation. It keeps only the first ten violations, because later violations are mostly consequences.
func (r *report) add(invariant, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.found) < 10 {
		at := time.Now().UTC().Format("15:04:05.000000")
		r.found = append(r.found, fmt.Sprintf("%s, at %s: ", invariant, at)+fmt.Sprintf(format, args...))
	}
}

// rules returns rules with fewer attempts than the defaults, so that more tasks reach their end.
func rules() tasks.Rules {
	r := tasks.DefaultRules()
	r.Attempts, r.MaxBackoff, r.Deadline, r.KeyTasks = 3, 20*time.Second, 2*time.Minute, 0
	return r
}

// run runs a history and returns its world, which has the report of the violations.
func run(h history, b bug) *world {
	w := &world{history: h, ctx: context.Background(), bug: b}
	w.journal.byID = map[string]*request{}
	w.provider = newProvider(w)
	w.store = newAudit(w, memory.New(time.Now))
	w.open()
	for _, s := range h.Steps {
		time.Sleep(s.After + w.noise(1))
		w.execute(s)
	}
	w.finish()
	w.checkEnd()
	return w
}

func (w *world) open() {
	ctx := w.ctx
	for i, p := range w.Plans {
		id := fmt.Sprint("p", i)
		w.must(w.store.EditPlans(ctx, []stock.PlanEdit{{ID: id, Country: &p.Country, Size: &p.Size, Address: &id}}))
	}
	batch := adminstore.ImportBatch{ID: "batch", Type: tasks.EventImported}
	w.must(w.store.ImportKeys(ctx, batch, func(yield func(keys.Key, error) bool) {
		for i := range w.Keys {
			if !yield(keys.Key{Code: w.code(i), Status: keys.Active, Used: i == 2}, nil) {
				return
			}
		}
	}))
	for i := range w.Daemons {
		d := &simDaemon{world: w, id: i, counts: map[call]int{}}
		d.start()
		w.daemons = append(w.daemons, d)
	}
}

func (w *world) code(i int) keys.Code { return keys.Code(fmt.Sprint("K", i%w.Keys)) }

func (w *world) daemon(i int) *simDaemon { return w.daemons[i%len(w.daemons)] }

func (w *world) must(err error) {
	if err != nil {
		w.faults.add("simulation", "%v", err)
	}
}

func (w *world) newID() string { return fmt.Sprint("c", w.ids.Add(1)) }

// noise returns a delay of up to a few milliseconds, which depends only on the history, the salt and the time. With
// noise, two events rarely happen at the same instant, in an undefined order.
func (w *world) noise(salt uint64) time.Duration {
	return time.Duration(w.random(salt)%3000) * time.Microsecond
}

func (w *world) random(salt uint64) uint64 {
	x := w.Noise + salt*0x9e3779b97f4a7c15 + uint64(time.Now().UnixMicro())*0xbf58476d1ce4e5b9 // as the generator splitmix64
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// execute executes one step.
func (w *world) execute(s step) {
	d := w.daemon(s.Daemon)
	switch s.Do {
	case upgrade, renew:
		for range 1 + s.Script.Duplicates {
			w.request(d, s)
			d = w.daemon(d.id + 1)
		}
	case kill:
		d.kill()
		time.AfterFunc(s.For, d.start)
	case stop:
		d.stop()
		time.AfterFunc(s.For, d.start)
	case freeze:
		d.freeze(s.For)
	case cut:
		d.cutStore(s.For, false)
	case silence:
		d.cutStore(s.For, true)
	case adjust:
		d.wall.Add(int64(s.For-20*time.Second) * 30)
	case revoke, restore, reset, retryNow, resolve, release, retire, relist:
		w.operate(s)
	}
}

// maxQuietTime is the maximum time that open tasks need to end after the last fault. It is enough for a lease, for all
// attempts with about three plans up to the deadline of the task, and for some pauses.
const maxQuietTime = 6 * time.Minute

// finish stops all faults and waits until all tasks have ended.
func (w *world) finish() {
	w.faultsOver.Store(true)
	w.clients.Wait()
	time.Sleep(time.Minute) // until calls that are on their way have arrived
	for _, d := range w.daemons {
		d.start()
	}
	for end := time.Now().Add(maxQuietTime); w.busy() && time.Now().Before(end); {
		time.Sleep(5 * time.Second)
	}
	w.noMoreStarts.Store(true)
	for _, d := range w.daemons {
		d.stop()
	}
	time.Sleep(3 * time.Minute) // until all work at the provider and all calls of killed daemons have ended
}

func (w *world) busy() bool {
	open, err := w.store.Tasks(w.ctx, adminstore.TaskFilter{State: adminstore.OpenTask}, adminstore.Page{Limit: 1})
	return err != nil || len(open.Entries) > 0
}

var errDead = errors.New("this daemon is dead")
