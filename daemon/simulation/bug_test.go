package simulation_test

import (
	"context"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A bug is planted around keyseat's core, which stays unchanged. The zero bug changes nothing.
type bug struct {
	name      string
	above     func(*process, tasks.Store) tasks.Store // between a daemon and its line
	below     func(*memory.Store) tasks.Store         // in the database
	connector func(tasks.Connector) tasks.Connector
	wall      bool // the daemon uses the wall clock, which is adjusted, instead of a monotonic clock
}

var bugs = []bug{
	{name: "no fence", below: func(s *memory.Store) tasks.Store { return unfencedStore{s, func(tasks.Task) bool { return false }} }},
	{name: "fence only on settle", below: func(s *memory.Store) tasks.Store {
		return unfencedStore{s, func(t tasks.Task) bool { return !t.Open() }}
	}},
	{name: "slot freed on time-out", above: func(_ *process, s tasks.Store) tasks.Store { return freeingStore{s} }},
	{name: "slot before task", above: func(l *process, s tasks.Store) tasks.Store { return twoStepStore{s, l.world} }},
	{name: "reaper without guard", above: func(l *process, s tasks.Store) tasks.Store { return reapingStore{s, l.world} }},
	{name: "idempotency key per attempt", connector: func(c tasks.Connector) tasks.Connector { return keyPerAttempt{c} }},
	{name: "secret erased in a second transaction", above: func(l *process, s tasks.Store) tasks.Store { return lateErasingStore{s, l.world} }},
	{name: "wall-clock lease", wall: true},
	{name: "task leased twice", below: func(s *memory.Store) tasks.Store { return doubleLeasingStore{s} }},
	{name: "renew always succeeds", above: func(_ *process, s tasks.Store) tasks.Store { return renewingStore{s} }},
	{name: "older task resolves the key", below: func(s *memory.Store) tasks.Store { return resolvingStore{s} }},
}

// An unfencedStore is a bug: it accepts a change with an old fence and an old version, unless the function fenced
// returns true for the task.
type unfencedStore struct {
	*memory.Store
	fenced func(tasks.Task) bool
}

func (u unfencedStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	var all []tasks.Change
	for _, c := range changes {
		if c.Task != nil && c.Task.Version > 0 && !u.fenced(*c.Task) {
			c = u.withCurrentFence(ctx, c)
		}
		all = append(all, c)
	}
	return u.Store.Apply(ctx, all)
}

// Extend extends the current lease of a task, whichever lease the caller has.
func (u unfencedStore) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	var all []tasks.Ref
	for _, ref := range refs {
		if v, err := u.Task(ctx, ref.ID); err == nil && v.Task != nil {
			ref = v.Task.Ref()
		}
		all = append(all, ref)
	}
	return u.Store.Extend(ctx, all, ttl)
}

func (u unfencedStore) withCurrentFence(ctx context.Context, c tasks.Change) tasks.Change {
	v, err := u.Task(ctx, c.Task.ID)
	if err != nil || v.Task == nil || v.Task.Fence == c.Task.Fence {
		return c
	}
	t := *c.Task
	t.Fence, t.Version = v.Task.Fence, v.Task.Version
	c.Task = &t
	if c.Key != nil {
		k := *c.Key
		k.Version = v.Key.Version
		c.Key = &k
	}
	return c
}

// A freeingStore is a bug: it frees every slot that becomes suspect.
type freeingStore struct{ tasks.Store }

func (f freeingStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	var all []tasks.Change
	for _, c := range changes {
		if c.Transfer != nil && c.Transfer.To == stock.Suspect {
			t, m := *c.Task, *c.Transfer
			t.Slot, m.To = stock.Free, stock.Free
			c.Task, c.Transfer, c.Events = &t, &m, append([]tasks.Event(nil), c.Events...)
			c.Events[len(c.Events)-1].To = stock.Free
		}
		all = append(all, c)
	}
	return f.Store.Apply(ctx, all)
}

// A twoStepStore is a bug: it claims the slot in a first transaction, and stores the task in a second one.
type twoStepStore struct {
	tasks.Store
	*world
}

func (h twoStepStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	c := changes[0]
	if c.Claim == nil || c.Task.Version > 0 {
		return h.Store.Apply(ctx, changes)
	}
	if c.Decide != nil {
		v, err := h.store.Snapshots(ctx, []keys.Code{c.Code()})
		if err != nil {
			return nil, err
		}
		if c, err = c.Decide(v[0]); err != nil {
			return []error{err}, nil
		}
	}
	plan, err := h.claimSlot(ctx, c)
	if err != nil {
		return []error{err}, nil
	}
	key := *c.Key
	key.Version++
	c = c.WithPlan(plan)
	c.Key, c.Claim = &key, nil
	return h.Store.Apply(ctx, []tasks.Change{c})
}

// claimSlot is the first transaction of a twoStepStore, which claims a slot.
func (h twoStepStore) claimSlot(ctx context.Context, c tasks.Change) (stock.Plan, error) {
	plans, err := h.store.Plans(ctx, 0, 100)
	if err != nil {
		return stock.Plan{}, err
	}
	v, err := h.store.Snapshots(ctx, []keys.Code{c.Code()})
	if err != nil || v[0].Key.Version != c.Key.Version {
		return stock.Plan{}, tasks.ErrConflict
	}
	for _, p := range plans {
		if p.Country == c.Claim.Country && p.Free() > 0 && p.Available(time.Now()) {
			m := stock.Transfer{Plan: p.ID, Country: p.Country, From: stock.Free, To: stock.Held}
			errs, err := h.Store.Apply(ctx, []tasks.Change{{ID: c.ID + "-slot", Key: &v[0].Key, Transfer: &m}})
			if err != nil {
				return p, tasks.ErrConflict
			}
			return p, errs[0]
		}
	}
	return stock.Plan{}, stock.ErrOutOfStock
}

// A reapingStore is a bug: at each poll, it ends the tasks whose leases have expired.
type reapingStore struct {
	tasks.Store
	*world
}

func (r reapingStore) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	open, err := r.store.Tasks(ctx, adminstore.TaskFilter{State: adminstore.OpenTask}, adminstore.Page{Limit: 1000})
	if err != nil {
		return nil, err
	}
	for _, v := range open.Entries {
		if !v.Task.LeasedUntil.IsZero() && v.Task.LeasedUntil.Before(v.At) {
			_, _ = r.Apply(ctx, []tasks.Change{rules().GiveUp(v, r.newID())}) // after an error, the next poll repeats this
		}
	}
	return r.Store.Lease(ctx, worker, n, ttl)
}

// A keyPerAttempt is a bug: this connector uses another idempotency key for each attempt.
type keyPerAttempt struct{ tasks.Connector }

func (f keyPerAttempt) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	o.Task = fmt.Sprintf("%s-%d", o.Task, o.Attempt)
	return f.Connector.Do(ctx, o)
}

// A lateErasingStore is a bug: it ends a task in one transaction, and erases the task's account in the next one.
type lateErasingStore struct {
	tasks.Store
	*world
}

func (t lateErasingStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	c := changes[0]
	if c.Task.Open() || c.Task.Version == 0 {
		return t.Store.Apply(ctx, changes)
	}
	left := *c.Task
	left.Sealed = t.store.task(left.ID).Sealed
	c.Task = &left
	errs, err := t.Store.Apply(ctx, []tasks.Change{c})
	if err != nil || errs[0] != nil {
		return errs, err
	}
	erased := left
	erased.Version, erased.Sealed = erased.Version+1, nil
	_, _ = t.Store.Apply(ctx, []tasks.Change{{ID: c.ID + "-erase", Task: &erased, Events: c.Events[:0]}})
	return errs, nil
}

// A doubleLeasingStore is a bug: it leases open tasks that another worker has leased.
type doubleLeasingStore struct{ *memory.Store }

func (d doubleLeasingStore) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	running, err := d.Tasks(ctx, adminstore.TaskFilter{State: adminstore.RunningTask}, adminstore.Page{Limit: n})
	if err != nil {
		return nil, err
	}
	for _, v := range running.Entries {
		if _, err := d.Extend(ctx, []tasks.Ref{v.Task.Ref()}, 0); err != nil {
			return nil, err
		}
	}
	return d.Store.Lease(ctx, worker, n, ttl)
}

// A renewingStore is a bug: it ends every renew as a success, whatever the provider has answered.
type renewingStore struct{ tasks.Store }

func (r renewingStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	var all []tasks.Change
	for _, c := range changes {
		if c.Task != nil && c.Task.Kind == tasks.Renew && !c.Task.Open() {
			t, k := *c.Task, c.Key.Apply(keys.Renewed, "Key Renewed")
			t.Outcome = tasks.Success
			c.Task, c.Key, c.Events = &t, &k, append([]tasks.Event(nil), c.Events...)
			c.Events[len(c.Events)-1].Outcome = tasks.Success
		}
		all = append(all, c)
	}
	return r.Store.Apply(ctx, all)
}

// A resolvingStore is a bug: if an operator resolves a task, the key changes, even if it has a later task.
type resolvingStore struct{ *memory.Store }

func (r resolvingStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	var all []tasks.Change
	for _, c := range changes {
		if c.Key == nil && c.Task != nil && c.Events[0].Type == tasks.EventResolved {
			v, err := r.Snapshots(ctx, []keys.Code{c.Code()})
			if err != nil {
				return nil, err
			}
			k := c.Task.KeyAfter(v[0].Key, v[0].At, tasks.ConnectorResult{})
			c.Key = &k
		}
		all = append(all, c)
	}
	return r.Store.Apply(ctx, all)
}
