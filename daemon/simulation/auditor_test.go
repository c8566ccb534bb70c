package simulation_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/audit"
)

// An auditor is the store that the daemons share. At each call it checks the invariants that hold at any
// moment.
type auditor struct {
	*memory.Store // the store without a planted bug, which the checks read
	*world
	inner tasks.Store // the same store, perhaps with a bug

	mu     sync.Mutex
	fenced int                    // the number of changes that were rejected because of their fence
	leases map[leaseKey]tasks.Ref // each worker's latest lease of each task
	until  map[tasks.Ref]time.Time
}

// A leaseKey identifies the lease of a worker on a task.
type leaseKey struct{ worker, task string }

func newAudit(w *world, s *memory.Store) *auditor {
	a := &auditor{Store: s, world: w, inner: s, leases: map[leaseKey]tasks.Ref{}, until: map[tasks.Ref]time.Time{}}
	if w.bug.below != nil {
		a.inner = w.bug.below(s)
	}
	return a
}

// lease returns a worker's latest lease of a task.
func (a *auditor) lease(worker, task string) tasks.Ref {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leases[leaseKey{worker, task}]
}

// late returns the time since a lease has expired. It is negative if the lease has not expired.
func (a *auditor) late(ref tasks.Ref) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.until[ref])
}

func (a *auditor) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	return a.inner.Snapshots(ctx, codes)
}

func (a *auditor) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	return a.inner.Find(ctx, codes)
}

func (a *auditor) Stock(ctx context.Context) ([]stock.Level, error) { return a.inner.Stock(ctx) }

func (a *auditor) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	views, err := a.inner.Lease(ctx, worker, n, ttl)
	for _, v := range views {
		before := v.Task.Ref()
		before.Fence--
		if left := time.Until(a.until[before]); left > 10*time.Millisecond {
			a.faults.add("lease", "task %s was leased again %v before the end of its lease", v.Task.ID, left)
		}
		a.leases[leaseKey{worker, v.Task.ID}] = v.Task.Ref()
		a.until[v.Task.Ref()] = time.Now().Add(ttl)
	}
	a.checkInvariants()
	return views, err
}

func (a *auditor) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var fences []int64
	for _, ref := range refs {
		fences = append(fences, a.task(ref.ID).Fence)
	}
	errs, err := a.inner.Extend(ctx, refs, ttl)
	for i, ref := range refs {
		if err != nil || errs[i] != nil {
			continue
		}
		if ref.Fence != fences[i] {
			a.faults.add("I10", "a lease of task %s with fence %d was extended, its fence is %d", ref.ID, ref.Fence, fences[i])
		}
		a.until[ref] = time.Now().Add(ttl)
	}
	return errs, err
}

// Apply applies the changes one by one and checks each of them.
func (a *auditor) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []error
	for i, c := range changes {
		before := a.record(c.Code())
		made := c
		if c.Decide != nil {
			c.Decide = func(v tasks.Snapshot) (tasks.Change, error) {
				decided, err := changes[i].Decide(v)
				if err == nil {
					made = decided
				}
				return decided, err
			}
		}
		errs, err := a.inner.Apply(ctx, []tasks.Change{c})
		if err != nil {
			return nil, err
		}
		all = append(all, errs...)
		if errors.Is(errs[0], tasks.ErrFenced) {
			a.fenced++
		}
		a.checkChange(made, before, a.record(c.Code()), errs[0])
	}
	return all, nil
}

// record reads a key with its tasks and events from the store without a planted bug.
func (a *auditor) record(code keys.Code) audit.Record {
	r, err := a.Record(a.ctx, code)
	a.must(err)
	return r
}

func (a *auditor) task(id string) tasks.Task {
	v, err := a.Task(a.ctx, id)
	a.must(err)
	if v.Task == nil {
		return tasks.Task{}
	}
	return *v.Task
}

// maxClockLead is the maximum time by which a daemon's estimate of the store's clock may be ahead of this clock. The
// estimate is ahead by the time that a call took on its way to the store.
const maxClockLead = time.Minute

// checkChange checks that one change had only permitted effects.
func (a *auditor) checkChange(c tasks.Change, before, after audit.Record, verdict error) {
	if verdict != nil || len(after.Events) == len(before.Events) {
		if (c.Key != nil || c.Decide != nil) && before.Key != after.Key && len(c.Events) > 0 {
			a.faults.add("Apply", "the change %s was refused (%v) and has left a trace", c.ID, verdict)
		}
		a.checkInvariants()
		return
	}
	if c.Task != nil && c.Task.Version > 0 {
		a.checkFence(c, before.Task(c.Task.ID))
		a.until[c.Task.Ref()] = time.Now() // a change ends the lease
	}
	for _, e := range c.Events {
		if e.Task != "" && (e.At.After(time.Now().Add(maxClockLead)) || e.At.Before(after.Task(e.Task).CreatedAt)) {
			a.faults.add("clocks", "task %s has a history entry of %v (%s), which is not between its beginning and now", e.Task, e.At, e.Type)
		}
	}
	a.checkTransition(c, before.Key, after.Key)
	a.checkInvariants()
}

// checkFence checks that a change came from the worker with the newest lease of the task.
func (a *auditor) checkFence(c tasks.Change, stored *tasks.Task) {
	if stored != nil && stored.Fence != c.Task.Fence {
		a.faults.add("I10", "a change of task %s with fence %d was made, its fence is %d", c.Task.ID, c.Task.Fence, stored.Fence)
	}
	if stored != nil && !stored.Open() && c.Task.Sealed != nil {
		a.faults.add("I8", "task %s had ended and is open again", c.Task.ID)
	}
}

// checkInvariants checks the invariants that hold at any moment for all data of the store.
func (a *auditor) checkInvariants() {
	ctx := a.ctx
	plans, err := a.Plans(ctx, 0, 100)
	a.must(err)
	for _, p := range plans {
		if !p.Valid() {
			a.faults.add("I1", "plan %s of %d slots has %s", p.ID, p.Size, p.Counts())
		}
	}
	all, err := a.Tasks(ctx, adminstore.TaskFilter{}, adminstore.Page{Limit: 1000})
	a.must(err)
	open := map[keys.Code]int{}
	for _, v := range all.Entries {
		t := v.Task
		if t.Open() {
			open[t.Code]++
		}
		if t.Open() == (t.Sealed == nil) {
			a.faults.add("I12", "task %s is open: %v, and has a secret: %v", t.ID, t.Open(), t.Sealed != nil)
		}
		if open[t.Code] > 1 {
			a.faults.add("I4", "key %s has %d open tasks", t.Code, open[t.Code])
		}
	}
}

// checkTransition checks the transition of a key against the transitions that the documentation has.
func (a *auditor) checkTransition(c tasks.Change, from, to keys.Key) {
	if from.Status == to.Status && from.Used == to.Used {
		return
	}
	last := c.Events[len(c.Events)-1]
	want := map[tasks.EventType][]keys.Status{
		tasks.EventAccepted: {keys.InQueue},
		tasks.EventEnded:    {statusAfter(last)},
		tasks.EventResolved: {statusAfter(last)},
		tasks.EventReset:    {keys.Active},
	}[last.Type]
	used := map[keys.Status]bool{keys.Success: true, keys.Failed: true, keys.InQueue: from.Used}[to.Status]
	begun := c.Events[0].Type == tasks.EventAccepted
	fits := begun || last.Type != tasks.EventEnded || from.Status == keys.InQueue
	if last.Type == tasks.EventResolved {
		fits = last.Task == from.Task // an older task does not change the key
	}
	if !to.Exists() || !slices.Contains(want, to.Status) || to.Used != used || !fits || begun && from.Status == keys.InQueue {
		a.faults.add("I9", "key %s went from %s (used: %v) to %s (used: %v) as a task was %s", to.Code, from.Status, from.Used, to.Status, to.Used, last.Type)
	}
}

// statusAfter returns the status of a key after its task has ended with an event.
func statusAfter(e tasks.Event) keys.Status {
	switch {
	case e.Kind == tasks.Upgrade && e.Outcome == tasks.Success:
		return keys.Success
	case e.Kind == tasks.Upgrade:
		return keys.FailedUpgrade
	case e.Outcome == tasks.Success:
		return keys.SuccessRenew
	}
	return keys.Failed
}
