//go:build crashpoints

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A trap kills this process, as kill -9 does, at a point that KEYSEAT_CRASH names, once so many
// passes have been let go by: "end.after:3" dies when the fourth end of a task is durable. The points
// are before and after, each, of
//
//	accept, shortage     a request's commit: a task that stays open, one that ends for want of a slot
//	retry, move, end     a settlement's commit: due again, on with another plan, ended
//	lease, extend, back  a lease's: taken (after: if there was something to take), extended, given back
//	send                 the asking of the provider
//
// and with "drain." before its name a point counts only while the daemon drains. One whose name begins
// with "back" makes the daemon drain as soon as it has leased something, since only what was leased
// just before a stop is ever given back.
type trap struct {
	context.Context // ends when the daemon begins to drain
	point           string
	left            *atomic.Int64
}

// crash is what is left to let go by, of all traps together.
var crash atomic.Int64

func newTrap(ctx context.Context) trap {
	point, passes, _ := strings.Cut(os.Getenv("KEYSEAT_CRASH"), ":")
	n, _ := strconv.ParseInt(passes, 10, 64) // none: 0
	crash.Store(n)
	return trap{ctx, point, &crash}
}

// pass dies here, if this is the point.
func (t trap) pass(name string) {
	point, draining := strings.CutPrefix(t.point, "drain.")
	if name != point || draining && t.Err() == nil || t.left.Add(-1) >= 0 {
		return
	}
	fmt.Fprintln(os.Stderr, "dies at", t.point)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it does not fail
	select {}
}

// leased makes the daemon drain where giving back is what shall be died at.
func (t trap) leased() {
	if strings.HasPrefix(t.point, "back") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // it does not fail
		<-t.Done()
	}
}

// trapStore puts points round every write.
func trapStore(ctx context.Context, s tasks.Store) tasks.Store { return trappedStore{s, newTrap(ctx)} }

type trappedStore struct {
	tasks.Store
	trap trap
}

// Apply implements [tasks.Store].
func (s trappedStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	for _, c := range changes {
		s.trap.pass(move(c) + ".before")
	}
	verdicts, err := s.Store.Apply(ctx, changes)
	for i, verdict := range verdicts {
		if err == nil && verdict == nil {
			s.trap.pass(move(changes[i]) + ".after")
		}
	}
	return verdicts, err
}

// move names what a change does to a task.
func move(c tasks.Change) string {
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

// Lease implements [tasks.Store].
func (s trappedStore) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	s.trap.pass("lease.before")
	views, err := s.Store.Lease(ctx, worker, n, ttl)
	if len(views) > 0 {
		s.trap.pass("lease.after")
		s.trap.leased()
	}
	return views, err
}

// Extend implements [tasks.Store].
func (s trappedStore) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	name := "extend"
	if ttl == 0 {
		name = "back"
	}
	s.trap.pass(name + ".before")
	verdicts, err := s.Store.Extend(ctx, refs, ttl)
	s.trap.pass(name + ".after")
	return verdicts, err
}

// trapConnector puts points round every asking, and panics at a login that begins with panic, with
// the login in what it panics with.
func trapConnector(ctx context.Context, c tasks.Connector) tasks.Connector {
	return trappedConnector{c, newTrap(ctx)}
}

type trappedConnector struct {
	tasks.Connector
	trap trap
}

// Do implements [tasks.Connector].
func (c trappedConnector) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	if login := o.Account.Login.Reveal(); strings.HasPrefix(login, "panic") {
		panic("no good: " + login)
	}
	c.trap.pass("send.before")
	answer := c.Connector.Do(ctx, o)
	c.trap.pass("send.after")
	return answer
}
