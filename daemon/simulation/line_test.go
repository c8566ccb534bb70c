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

// over makes one call on a daemon's line. If the context ends or the daemon dies, the caller returns, but a
// call on its way still arrives.
func over[A any](ctx context.Context, l *life, c call, do func(context.Context) (A, error)) (A, error) {
	var none A
	l.awake()
	f, _ := l.next(c)
	if f.Kind == freezes {
		l.freeze(f.For)
		l.awake()
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
	if left, silent := l.reach(); left > 0 && c != send {
		if silent {
			_ = l.pause(ctx, left) // over returns an error in any case
		}
		return none, errLost
	}
	back := make(chan answer[A], 1)
	go func() { back <- travel(context.WithoutCancel(ctx), l, f, do) }()
	if f.Kind == orphaned {
		l.die()
	}
	select {
	case a := <-back:
		return arrive(l, f, a)
	case <-ctx.Done():
		return none, ctx.Err()
	case <-l.dead:
		return none, errDead
	}
}

// travel delays a call on its way, makes it, and delays its answer.
func travel[A any](ctx context.Context, l *life, f fault, do func(context.Context) (A, error)) answer[A] {
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

func arrive[A any](l *life, f fault, a answer[A]) (A, error) {
	var none A
	if f.Kind == diesAfter {
		l.die()
	}
	l.awake()
	switch {
	case l.isDead():
		return none, errDead
	case f.Kind == lostAfter:
		return none, errLost
	}
	return a.value, a.err
}

// A wire is the store, called over a daemon's line.
type wire struct{ *life }

func (w wire) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	return over(ctx, w.life, view, func(ctx context.Context) ([]tasks.Snapshot, error) { return w.store.Snapshots(ctx, codes) })
}

func (w wire) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	return over(ctx, w.life, view, func(ctx context.Context) ([]keys.Key, error) { return w.store.Find(ctx, codes) })
}

func (w wire) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	c := settle
	if t := changes[0].Task; t != nil && t.Version == 0 {
		c = accept
	}
	return over(ctx, w.life, c, func(ctx context.Context) ([]error, error) { return w.store.Apply(ctx, changes) })
}

func (w wire) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return over(ctx, w.life, lease, func(ctx context.Context) ([]tasks.Snapshot, error) { return w.store.Lease(ctx, worker, n, ttl) })
}

func (w wire) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	return over(ctx, w.life, extend, func(ctx context.Context) ([]error, error) { return w.store.Extend(ctx, refs, ttl) })
}

func (w wire) Stock(ctx context.Context) ([]stock.Level, error) {
	return over(ctx, w.life, view, func(ctx context.Context) ([]stock.Level, error) { return w.store.Stock(ctx) })
}

// A phone is the provider, called over a daemon's line.
type phone struct{ *life }

// slowest is the timeout of a call of the provider.
const slowest = 40 * time.Second

// Do implements [tasks.Connector].
func (p phone) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	asking, cancel := context.WithTimeout(ctx, slowest)
	defer cancel()
	p.awake()
	ref := p.store.lease(p.name, taskOf(o.Account.Login.Reveal()))
	p.held(ref, "sent")
	sent := time.Now()
	a, err := over(asking, p.life, send, func(context.Context) (tasks.ConnectorResult, error) {
		return p.provider.serve(o, p.stale() || time.Since(sent) > time.Second), nil
	})
	if !p.isDead() {
		p.held(ref, "still under way")
	}
	if err != nil && !errors.Is(err, errDead) {
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: err.Error()}
	}
	return a
}

// held checks that the daemon has the lease of the task while it calls the provider. It does not check a
// daemon that may have outdated information without a bug.
func (p phone) held(ref tasks.Ref, what string) {
	if late := p.store.late(ref); late > 10*time.Millisecond && !p.stale() {
		p.faults.add("lease", "%s asks about task %s, which is %s %v after its lease ran out", p.name, ref.ID, what, late)
	}
}

// stale reports whether the daemon may have outdated information about its leases without a bug, because it
// was frozen.
func (l *life) stale() bool {
	_, ever := l.frozen()
	return ever
}
