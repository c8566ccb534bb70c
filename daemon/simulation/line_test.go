package simulation_test

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var errLost = errors.New("the connection was cut")

// An answer is the result of a call over a line.
type answer[A any] struct {
	value A
	err   error
}

// callOver makes one call on a daemon's line. If the context ends or the daemon dies, callOver returns, but a call that
// is on its way arrives nevertheless.
func callOver[A any](ctx context.Context, l *process, c call, do func(context.Context) (A, error)) (A, error) {
	var none A
	l.waitThawed()
	f, _ := l.nextFault(c)
	if f.Kind == freezes {
		l.freeze(f.For)
		l.waitThawed()
	}
	if f.Kind == diesBefore {
		l.die()
	}
	switch {
	case l.isDead():
		return none, errDead
	case ctx.Err() != nil:
		return none, ctx.Err()
	case f.Kind == lostBefore:
		return none, errLost
	}
	if left, silent := l.unreachable(); left > 0 && c != send {
		if silent {
			_ = l.pause(ctx, left) // over returns an error in any case
		}
		return none, errLost
	}
	back := make(chan answer[A], 1)
	go func() { back <- deliver(context.WithoutCancel(ctx), l, f, do) }()
	if f.Kind == orphaned {
		l.die()
	}
	select {
	case a := <-back:
		return receiveResult(l, f, a)
	case <-ctx.Done():
		return none, ctx.Err()
	case <-l.dead:
		return none, errDead
	}
}

// deliver delays a call, makes it, and delays its answer.
func deliver[A any](ctx context.Context, l *process, f fault, do func(context.Context) (A, error)) answer[A] {
	time.Sleep(time.Millisecond + l.noise(3))
	if f.Kind == slowBefore || f.Kind == orphaned {
		time.Sleep(f.For)
	}
	value, err := do(ctx)
	time.Sleep(l.noise(4))
	if f.Kind == slowAfter {
		time.Sleep(f.For)
	}
	return answer[A]{value, err}
}

func receiveResult[A any](l *process, f fault, a answer[A]) (A, error) {
	var none A
	if f.Kind == diesAfter {
		l.die()
	}
	l.waitThawed()
	switch {
	case l.isDead():
		return none, errDead
	case f.Kind == lostAfter:
		return none, errLost
	}
	return a.value, a.err
}

// A lineStore is the store, called over a daemon's line.
type lineStore struct{ *process }

func (w lineStore) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	return callOver(ctx, w.process, view, func(ctx context.Context) ([]tasks.Snapshot, error) { return w.store.Snapshots(ctx, codes) })
}

func (w lineStore) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	return callOver(ctx, w.process, view, func(ctx context.Context) ([]keys.Key, error) { return w.store.Find(ctx, codes) })
}

func (w lineStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	c := settle
	if t := changes[0].Task; t != nil && t.Version == 0 {
		c = accept
	}
	return callOver(ctx, w.process, c, func(ctx context.Context) ([]error, error) { return w.store.Apply(ctx, changes) })
}

func (w lineStore) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return callOver(ctx, w.process, lease, func(ctx context.Context) ([]tasks.Snapshot, error) { return w.store.Lease(ctx, worker, n, ttl) })
}

func (w lineStore) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	return callOver(ctx, w.process, extend, func(ctx context.Context) ([]error, error) { return w.store.Extend(ctx, refs, ttl) })
}

func (w lineStore) Stock(ctx context.Context) ([]stock.Level, error) {
	return callOver(ctx, w.process, view, func(ctx context.Context) ([]stock.Level, error) { return w.store.Stock(ctx) })
}

// A lineConnector is the provider, called over a daemon's line.
type lineConnector struct{ *process }

// connectorTimeout is the timeout of a call of the provider.
const connectorTimeout = 40 * time.Second

// Do implements [tasks.Connector].
func (p lineConnector) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	calling, cancel := context.WithTimeout(ctx, connectorTimeout)
	defer cancel()
	p.waitThawed()
	ref := p.store.lease(p.name, taskOf(o.Account.Login.Reveal()))
	p.checkLease(ref, "sent")
	sent := time.Now()
	a, err := callOver(calling, p.process, send, func(context.Context) (tasks.ConnectorResult, error) {
		return p.provider.serve(o, p.mayBeStale() || time.Since(sent) > time.Second), nil
	})
	if !p.isDead() {
		p.checkLease(ref, "still under way")
	}
	if err != nil && !errors.Is(err, errDead) {
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: err.Error()}
	}
	return a
}

// checkLease checks that the daemon has the lease of the task while it calls the provider. It does not check a daemon
// that may be stale.
func (p lineConnector) checkLease(ref tasks.Ref, what string) {
	if late := p.store.late(ref); late > 10*time.Millisecond && !p.mayBeStale() {
		p.faults.add("lease", "%s calls the provider for task %s, and the call is %s %v after its lease expired", p.name, ref.ID, what, late)
	}
}

// mayBeStale reports whether the daemon may have outdated information about its leases without a bug, because it
// was frozen.
func (l *process) mayBeStale() bool {
	_, ever := l.frozen()
	return ever
}
