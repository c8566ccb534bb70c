//go:build crashpoints

package faultinject

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/keyseat/keyseat/tasks"
)

// Store adds crash points before and after every write. The argument ctx must end when the daemon starts to drain.
func Store(ctx context.Context, s tasks.Store) tasks.Store { return store{s, newCrashPoint(ctx)} }

type store struct {
	tasks.Store
	crash crashPoint
}

func (s store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	for _, c := range changes {
		s.crash.pass(pointOf(c) + ".before")
	}
	errs, err := s.Store.Apply(ctx, changes)
	for i, failed := range errs {
		if err == nil && failed == nil {
			s.crash.pass(pointOf(changes[i]) + ".after")
		}
	}
	return errs, err
}

func pointOf(c tasks.Change) string {
	switch {
	case c.Task == nil:
		return "edit"
	case c.Task.Version == 0 && c.Task.Open():
		return "accept"
	case c.Task.Version == 0:
		return "shortage"
	case !c.Task.Open():
		return "end"
	case c.Claim != nil:
		return "move"
	}
	return "retry"
}

func (s store) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	s.crash.pass("lease.before")
	leased, err := s.Store.Lease(ctx, worker, n, ttl)
	if len(leased) > 0 {
		s.crash.pass("lease.after")
		s.crash.leased()
	}
	return leased, err
}

func (s store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	name := "extend"
	if ttl == 0 {
		name = "back"
	}
	s.crash.pass(name + ".before")
	errs, err := s.Store.Extend(ctx, refs, ttl)
	s.crash.pass(name + ".after")
	return errs, err
}

// Connector adds crash points before and after every attempt. It panics if a login starts with "panic". The panic's
// value contains the login. The argument ctx must end when the daemon starts to drain.
func Connector(ctx context.Context, c tasks.Connector) tasks.Connector {
	return connector{c, newCrashPoint(ctx)}
}

type connector struct {
	tasks.Connector
	crash crashPoint
}

func (c connector) Do(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	if login := r.Account.Login.Reveal(); strings.HasPrefix(login, "panic") {
		panic("no good: " + login)
	}
	c.crash.pass("send.before")
	result := c.Connector.Do(ctx, r)
	c.crash.pass("send.after")
	return result
}

// Now returns the current time plus the offset in the file that KEYSEAT_SKEW names. A test may change the file
// at any time. Then the wall clock jumps, as on a real machine. The monotonic clock does not jump.
func Now() time.Time {
	now := time.Now()
	text, err := os.ReadFile(os.Getenv("KEYSEAT_SKEW"))
	if err != nil {
		return now
	}
	offset, _ := time.ParseDuration(strings.TrimSpace(string(text))) // a partly written file counts as no offset
	return shifted(now, offset)
}

// shifted shifts the wall clock of t but not its monotonic reading. Package time has no method for this.
//
// It relies on the layout of [time.Time]. If a time has a monotonic reading, bits 30 and up of the first
// word hold the wall seconds since 1885.
func shifted(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(int64(by/time.Second)) << 30
	return t
}

// A crashPoint kills this process at the point that KEYSEAT_CRASH names, as kill -9 does.
type crashPoint struct {
	draining context.Context // ends when the daemon starts to drain
	name     string
}

// passes is how many more times the process survives the named crash point. All values of crashPoint share it.
var passes atomic.Int64

func newCrashPoint(ctx context.Context) crashPoint {
	name, count, _ := strings.Cut(os.Getenv("KEYSEAT_CRASH"), ":")
	n, _ := strconv.ParseInt(count, 10, 64) // 0 if absent
	passes.Store(n)
	return crashPoint{ctx, name}
}

// pass is called at the crash point with the given name. It kills the process if KEYSEAT_CRASH names this point and
// [passes] is 0. If [passes] is larger, it only reduces [passes] by one.
func (p crashPoint) pass(name string) {
	point, onlyDraining := strings.CutPrefix(p.name, "drain.")
	if name != point || onlyDraining && p.draining.Err() == nil || passes.Add(-1) >= 0 {
		return
	}
	fmt.Fprintln(os.Stderr, "dies at", p.name)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // killing this process does not fail
	select {}
}

// leased makes the daemon drain if the crash point is "back", so that it gives its leases back.
func (p crashPoint) leased() {
	if strings.HasPrefix(p.name, "back") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // killing this process does not fail
		<-p.draining.Done()
	}
}
