package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// keepAlive sends heartbeats: it extends the leases of all jobs, also of waiting jobs, three times
// per lease duration.
func (p *Pool) keepAlive(ctx context.Context) {
	tick := time.NewTicker(p.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.extendLeases(ctx)
		}
	}
}

// extendLeases extends all leases in one call. It cancels jobs whose lease is lost, or would expire
// before the next heartbeat.
func (p *Pool) extendLeases(ctx context.Context) {
	refs := p.refs()
	if len(refs) == 0 {
		return
	}
	start := p.Engine.Now() // before the store reads its clock, so that no lease is assumed to last longer than it does
	ctx, cancel := context.WithTimeout(ctx, p.Lease/3)
	defer cancel()
	verdicts, err := p.Engine.Store.Extend(ctx, refs, p.Lease)
	p.logState(ctx, "cannot extend leases", err)
	for i, ref := range refs {
		if err != nil {
			p.onExtended(ref, start, err)
		} else {
			p.onExtended(ref, start, verdicts[i])
		}
	}
}

func (p *Pool) refs() []tasks.Ref {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.jobs))
}

// onExtended handles the result of the heartbeat for one lease.
func (p *Pool) onExtended(ref tasks.Ref, start time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j, tracked := p.jobs[ref]
	switch {
	case !tracked:
	case err == nil:
		j.leasedUntil = start.Add(p.Lease)
		j.expiry.Reset(j.leasedUntil.Sub(p.Engine.Now()))
	case errors.Is(err, tasks.ErrFenced), !p.Engine.Now().Add(p.Lease / 3).Before(j.leasedUntil):
		j.cancel()
	}
}

// cancelBefore is the time between the cancellation of the remaining connector calls and the end of
// the drain. The tasks that these calls leave open are settled in that time. If the drain is shorter
// than twice this time, the connector calls get half of the drain.
const cancelBefore = 2 * time.Second

// errNotDrained says that some tasks were not settled.
var errNotDrained = errors.New("some tasks could not be settled in time: their leases expire by themselves")

// waitDrained waits up to drain for all jobs. It calls cancelCalls shortly before that, to cancel the
// remaining connector calls.
func (p *Pool) waitDrained(cancelCalls context.CancelFunc, drain time.Duration) error {
	done := make(chan struct{})
	go func() {
		p.workers.Wait()
		close(done)
	}()
	late := time.NewTimer(max(drain-cancelBefore, drain/2))
	defer late.Stop()
	end := time.NewTimer(drain)
	defer end.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-late.C:
			cancelCalls()
		case <-end.C:
			p.cancelAll()
			return errNotDrained
		}
	}
}

func (p *Pool) cancelAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.jobs {
		j.cancel()
	}
}
