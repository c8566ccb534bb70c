package bunstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
)

// Processes that lease simultaneously choose the same tasks, and only one of them gets each task. After such a
// collision, the store reads [oversample] times as many candidates as it wants, and chooses from these at random. It
// does so for the next [contentionTTL] calls of Lease.
const (
	oversample    = 4  // a factor
	contentionTTL = 16 // a number of calls of Lease
)

// lease implements [layout]. It chooses tasks without a lock, and leases the tasks that are still unchanged. If no
// chosen task is unchanged, it chooses again, up to [maxTxRetries] times in all.
func (d distributed) lease(ctx context.Context, read, write query.Runner, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	for range maxTxRetries {
		now, err := readTime(ctx, read)
		if err != nil {
			return nil, err
		}
		chosen, err := d.chooseCandidates(ctx, read, n, query.Args{"at": now, "ahead": now.Add(2 * ttl)})
		if errors.Is(err, dberr.ErrRetry) {
			d.contention.Store(contentionTTL)
			continue
		}
		if err != nil || len(chosen) == 0 {
			return nil, err
		}
		taken, err := d.takeCandidates(ctx, write, chosen, worker, now.Add(ttl))
		if err != nil || len(taken) > 0 {
			return taken.views(), err
		}
	}
	return nil, nil
}

// chooseCandidates returns up to n candidates, the longest due first. If another daemon has recently leased
// some of its candidates first, it chooses at random.
func (d distributed) chooseCandidates(ctx context.Context, run query.Runner, n int, times query.Args) (candidates, error) {
	if d.contention.Load() <= 0 {
		return readCandidates(ctx, run, n, times)
	}
	d.contention.Add(-1)
	all, err := readCandidates(ctx, run, oversample*n, times)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:min(n, len(all))]
	slices.SortFunc(all, func(a, b candidate) int { return a.view.Task.LeasableAt().Compare(b.view.Task.LeasableAt()) })
	return all, err
}

// takeCandidates leases the chosen tasks that no other transaction has leased or changed, and returns them. The first
// lease ends at the time first, and each further lease ends one microsecond later, so that the tasks keep their order.
func (d distributed) takeCandidates(ctx context.Context, run query.Runner, chosen candidates, worker string, first time.Time) (taken candidates, err error) {
	rows := query.Rows{Columns: "code text, id text, version bigint, fence bigint, since timestamptz, until timestamptz"}
	for i := range chosen {
		c, until := &chosen[i], first.Add(time.Duration(i)*time.Microsecond)
		t := c.view.Task
		rows.Add(string(t.Code), t.ID, t.Version, t.Fence, t.LeasableAt(), until)
		if c.err == nil {
			if !t.LeasedUntil.IsZero() {
				t.LostLeases++
			}
			t.Fence, t.LeasedUntil = t.Fence+1, until
		}
	}
	leased := map[taskKey]bool{}
	args := query.Args{"r": query.InlineRows(rows), "codes": rows.Texts("code"), "worker": worker}
	err = run(ctx, statement("take candidates", args, query.Each(func(name taskKey) { leased[name] = true })))
	if len(leased) < len(chosen) {
		d.contention.Store(contentionTTL)
	}
	return slices.DeleteFunc(chosen, func(c candidate) bool { return !leased[taskKey{c.view.Task.Code, c.view.Task.ID}] }), err
}

func (all candidates) views() (views []tasks.Snapshot) {
	for _, c := range all {
		if c.err == nil {
			views = append(views, c.view)
		}
	}
	return views
}

// A candidate is a task that could be leased when it was read.
type candidate struct {
	view tasks.Snapshot // has a task
	err  error          // the error of reading a part of the snapshot, or nil
}

type candidates []candidate

// readCandidates returns up to n candidates: first the late tasks, whose time has come, and then the tasks ahead. The
// time of a task ahead is so far in the future that the clock must have been set back since it was written. In each
// group, the candidate with the earliest time comes first. While a server cannot be reached, readCandidates returns
// late tasks of the other servers.
func readCandidates(ctx context.Context, run query.Runner, n int, times query.Args) (all candidates, err error) {
	at, ahead := times["at"].(time.Time), times["ahead"].(time.Time)
	var limits struct{ first, last time.Time }
	err = run(ctx, statement("lease limits", nil, query.Into(&limits)))
	if err == nil && !limits.first.IsZero() && !limits.first.After(at) {
		all, err = readLate(ctx, run, n, at)
	}
	if err == nil && len(all) < n && limits.last.After(ahead) {
		more, failed := readViews(ctx, run, "ahead", query.Args{"n": n - len(all), "at": at, "ahead": ahead})
		all, err = append(all, more...), failed
	}
	if dberr.WorkerAway(err) {
		return readReachable(ctx, run, n, at, err)
	}
	return all, err
}

// readLate returns up to n late tasks. The error is [dberr.ErrRetry] if other processes have leased all of them since
// readLate read their codes.
func readLate(ctx context.Context, run query.Runner, n int, at time.Time) (candidates, error) {
	var codes query.TextArray
	err := run(ctx, statement("late codes", query.Args{"n": n, "at": at}, query.Append((*[]string)(&codes))))
	if err != nil || len(codes) == 0 {
		return nil, err
	}
	all, err := readViews(ctx, run, "late", query.Args{"n": n, "at": at, "codes": codes})
	if err == nil && len(all) == 0 {
		err = dberr.ErrRetry
	}
	return all, err
}

// readViews returns the candidates that a statement reads. If it can read the time of a task, but not a later part of
// the snapshot, readViews sets the err of that candidate.
func readViews(ctx context.Context, run query.Runner, name string, args query.Args) (all candidates, err error) {
	reader := query.NewReader[snapshotRow]()
	err = run(ctx, statement(name, args, func(r query.Row) error {
		row, err := reader.Read(r)
		c := candidate{row.snapshot(), err}
		if c.view.Task != nil && !c.view.Task.LeasableAt().IsZero() {
			err = nil
		}
		all = append(all, c)
		return err
	}))
	return all, err
}

// lateOnShard returns the codes of the first late tasks of a shard as a JSON array. Citus replaces %%s by the shard.
const lateOnShard = `SELECT json_agg(x.code) FROM (SELECT code FROM %%s WHERE ended_at IS NULL AND coalesce(leased_until, due) <= '%s'
	ORDER BY coalesce(leased_until, due) LIMIT %d) x`

// readReachable returns up to n late tasks of the servers that can be reached. If it cannot reach any server, it
// returns the error away.
func readReachable(ctx context.Context, run query.Runner, n int, now time.Time, away error) (candidates, error) {
	var codes query.TextArray
	shards := 0
	command := fmt.Sprintf(lateOnShard, now.UTC().Format(time.RFC3339Nano), n)
	failed := run(ctx, statement("reachable", query.Args{"command": command}, query.Each(func(some []string) {
		codes, shards = append(codes, some...), shards+1
	})))
	if failed != nil || shards == 0 {
		return nil, away
	}
	if len(codes) == 0 {
		return nil, nil
	}
	return readViews(ctx, run, "late", query.Args{"at": now, "n": n, "codes": codes})
}
