// Package clock waits for real time to pass.
package clock

import (
	"context"
	"time"
)

// Sleep waits for d. If ctx ends first, Sleep returns the context's error immediately.
func Sleep(ctx context.Context, d time.Duration) error {
	SleepOrWake(ctx, d, nil)
	return ctx.Err()
}

// SleepOrWake waits for d, for a value from wake, or for the end of ctx. It reports whether wake sent a value. A nil
// channel never sends a value.
func SleepOrWake(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
		return true
	}
	return false
}
