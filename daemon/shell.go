package daemon

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// NewEngine returns an engine with the real clock, real randomness and real waiting.
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

// wait waits for d. If ctx ends earlier, it returns the context's error immediately.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}
