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

// A trap kills this process at a crash point, as kill -9 does. KEYSEAT_CRASH names the point and how many
// passes to skip. For example, "end.after:3" kills the process when the fourth end of a task is durable.
// Each of these names is followed by .before or .after:
//
//	accept, shortage     a request's commit: a task that stays open, one that ends because no slot is free
//	retry, move, end     a settlement's commit: due again, continued with another plan, ended
//	lease, extend, back  a lease's: taken (after: only if a task was leased), extended, given back
//	send                 a call of the provider
//
// The prefix "drain." restricts a point to the time in which the daemon drains. A point that starts with
// "back" makes the daemon drain as soon as it has leased a task. The reason is that only leases taken shortly
// before a stop are ever given back.
type trap struct {
	context.Context // ends when the daemon starts to drain
	point           string
	left            *atomic.Int64
}

// crash is the number of passes left to skip, shared by all traps.
var crash atomic.Int64

func newTrap(ctx context.Context) trap {
	point, passes, _ := strings.Cut(os.Getenv("KEYSEAT_CRASH"), ":")
	n, _ := strconv.ParseInt(passes, 10, 64) // 0 if absent
	crash.Store(n)
	return trap{ctx, point, &crash}
}

// pass kills the process if name is the crash point and no passes are left to skip.
func (t trap) pass(name string) {
	point, draining := strings.CutPrefix(t.point, "drain.")
	if name != point || draining && t.Err() == nil || t.left.Add(-1) >= 0 {
		return
	}
	fmt.Fprintln(os.Stderr, "dies at", t.point)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // killing this process does not fail
	select {}
}

// leased makes the daemon drain if the crash point is "back", so that it gives its leases back.
func (t trap) leased() {
	if strings.HasPrefix(t.point, "back") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // killing this process does not fail
		<-t.Done()
	}
}

// trapStore adds crash points before and after every write.
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

// move returns the crash point's name for a change.
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

// trapConnector adds crash points before and after every attempt. It panics if a login starts with
// "panic". The panic's value contains the login.
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
