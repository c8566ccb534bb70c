package daemon

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// NewEngine gives a desk the clock, the randomness and the patience of the real world.
func NewEngine(store tasks.Store, connector tasks.Connector, sealer tasks.Sealer, rules tasks.Rules) tasks.Engine {
	return tasks.Engine{
		Store:     store,
		Connector: connector,
		Sealer:    sealer,
		Rules:     rules,
		NewID:     rand.Text,
		Now:       time.Now,
		Jitter:    mathrand.Float64,
		Pause:     wait,
	}
}

// wait lets d pass, or gives the context's error as soon as that has ended.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}
