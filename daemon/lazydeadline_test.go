package daemon_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon"
)

// TestLazyDeadlineIsAContext checks that a lazy deadline behaves as a context of [context.WithTimeout], with and
// without a goroutine that waits for the end of the context.
func TestLazyDeadlineIsAContext(t *testing.T) {
	for _, waits := range []bool{false, true} {
		for name, c := range map[string]struct {
			do   func(leave, end context.CancelFunc)
			want error
		}{
			"in time":           {func(_, _ context.CancelFunc) { time.Sleep(time.Second - 1) }, nil},
			"late":              {func(_, _ context.CancelFunc) { time.Sleep(time.Second) }, context.DeadlineExceeded},
			"the caller leaves": {func(leave, _ context.CancelFunc) { leave() }, context.Canceled},
			"it is ended":       {func(_, end context.CancelFunc) { end() }, context.Canceled},
		} {
			synctest.Test(t, func(t *testing.T) {
				parent, leave := context.WithCancel(t.Context())
				defer leave()
				d, end := daemon.WithDeadline(parent, time.Second)
				defer end()
				if waits {
					_ = d.Done()
				}
				c.do(leave, end)
				synctest.Wait()
				if err := d.Err(); !errors.Is(err, c.want) {
					t.Errorf("%s, waited for %v: %v, not %v", name, waits, err, c.want)
				}
				select {
				case <-d.Done():
					if c.want == nil {
						t.Errorf("%s, waited for %v: it has ended", name, waits)
					}
				default:
					if c.want != nil {
						t.Errorf("%s, waited for %v: it has not ended", name, waits)
					}
				}
			})
		}
	}
}

func TestLazyDeadlineIsNotLaterThanItsParent(t *testing.T) {
	parent, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	soon, _ := parent.Deadline()
	late, end := daemon.WithDeadline(parent, 2*time.Hour)
	defer end()
	if at, has := late.Deadline(); !has || !at.Equal(soon) {
		t.Errorf("it is at %v, %v", at, has)
	}
	early, end := daemon.WithDeadline(parent, time.Minute)
	defer end()
	if at, has := early.Deadline(); !has || !at.Before(soon) {
		t.Errorf("it is at %v, %v", at, has)
	}
}
