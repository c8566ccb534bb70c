package batchstore

import (
	"context"

	"github.com/keyseat/keyseat/internal/batch"
	"github.com/keyseat/keyseat/tasks"
)

// A LoginCounter is a [tasks.LoginCounter] around another one. Concurrent callers share its calls.
type LoginCounter struct {
	counts   *batch.Batcher[tasks.LoginTest, tasks.LoginCounts]
	releases *batch.Batcher[tasks.LoginTest, struct{}]
}

var _ tasks.LoginCounter = (*LoginCounter)(nil)

// NewLoginCounter returns a counter that batches the calls to inner. [Options.Observe] sees "count_logins" and
// "release_logins".
func NewLoginCounter(inner tasks.LoginCounter, o Options) *LoginCounter {
	o = o.withDefaults()
	release := func(ctx context.Context, tests []tasks.LoginTest) ([]struct{}, error) {
		return make([]struct{}, len(tests)), inner.ReleaseLogins(ctx, tests)
	}
	return &LoginCounter{newBatcher(o, "count_logins", inner.CountLogins, 1), newBatcher(o, "release_logins", release, 1)}
}

// CountLogins implements [tasks.LoginCounter].
func (c *LoginCounter) CountLogins(ctx context.Context, tests []tasks.LoginTest) (counts []tasks.LoginCounts, err error) {
	for i := 0; i < len(tests) && err == nil; i++ {
		var one []tasks.LoginCounts
		one, err = c.counts.Do(ctx, tests[i])
		counts = append(counts, one...)
	}
	return counts, err
}

// ReleaseLogins implements [tasks.LoginCounter].
func (c *LoginCounter) ReleaseLogins(ctx context.Context, tests []tasks.LoginTest) (err error) {
	for i := 0; i < len(tests) && err == nil; i++ {
		_, err = c.releases.Do(ctx, tests[i])
	}
	return err
}
