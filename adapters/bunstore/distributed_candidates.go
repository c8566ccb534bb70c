package bunstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
)

// A candidate is a task that could be leased when it was read.
type candidate struct {
	view tasks.Snapshot // with a task
	err  error          // from reading a part of the snapshot
}

// since returns the end of the task's lease, or else the time at which the task is due.
func (c candidate) since() time.Time {
	t := c.view.Task
	if t.LeasedUntil.IsZero() {
		return t.DueAt
	}
	return t.LeasedUntil
}

type candidates []candidate

// The queries for candidates of a distributed store. A poll that finds nothing sends only the first one to all servers:
//
//	limitsSQL      the least and the greatest time at which an open task is leasable
//	lateCodesSQL   the keys of the group late of [leaseSQL]
//	lateSQL        snapshots of these keys, from the servers that have them
//	aheadSQL       the group ahead, if the greatest time says that there may be one
//
// A task without a lease is ahead only if its newest history entry is ahead too. The entry h is the newest one if no
// entry g comes after it.
var (
	limitsSQL = `
		SELECT min(coalesce(t.leased_until, t.due)), max(coalesce(t.leased_until, t.due)) FROM keyseat_tasks t WHERE t.ended_at IS NULL`
	lateCodesSQL = `
		SELECT t.code FROM keyseat_tasks t WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @at
		ORDER BY coalesce(t.leased_until, t.due) LIMIT @n`
	lateSQL = `
		SELECT @at, ` + viewColumns + `
		FROM keyseat_tasks t JOIN keyseat_keys k ON k.code = t.code
		WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @at AND t.code = ANY (@codes)
		ORDER BY coalesce(t.leased_until, t.due) LIMIT @n`
	aheadSQL = `
		SELECT @at, ` + viewColumns + `
		FROM keyseat_tasks t JOIN keyseat_keys k ON k.code = t.code
		LEFT JOIN keyseat_history h ON h.code = t.code AND h.task_id = t.id AND h.at > @ahead AND t.leased_until IS NULL
		LEFT JOIN keyseat_history g ON g.code = h.code AND g.task_id = h.task_id AND g.seq > h.seq
		WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) > @ahead
			AND (t.leased_until IS NOT NULL OR h.code IS NOT NULL AND g.code IS NULL)
		ORDER BY coalesce(t.leased_until, t.due) LIMIT @n`
)

// readCandidates returns up to n candidates: first the group late, then the group ahead. Within a group, the
// candidate with the earliest time comes first. While a server is away, it returns tasks of the other servers.
func readCandidates(ctx context.Context, run query.Runner, n int, times query.Args) (all candidates, err error) {
	at, ahead := times["at"].(time.Time), times["ahead"].(time.Time)
	first, last, err := readLimits(ctx, run)
	if err == nil && !first.IsZero() && !first.After(at) {
		all, err = readLate(ctx, run, n, at)
	}
	if err == nil && len(all) < n && last.After(ahead) {
		more, failed := readViews(ctx, run, aheadSQL, query.Args{"n": n - len(all), "at": at, "ahead": ahead})
		all, err = append(all, more...), failed
	}
	if dberr.WorkerAway(err) {
		return readReachable(ctx, run, n, at, err)
	}
	return all, err
}

// readLimits returns the least and the greatest time at which an open task is leasable.
func readLimits(ctx context.Context, run query.Runner) (first, last time.Time, err error) {
	err = run(ctx, query.Query{SQL: limitsSQL, Scan: func(r query.Row) error {
		return r.Scan([]query.Column{query.Time(&first), query.Time(&last)})
	}})
	return first, last, err
}

// readLate returns up to n candidates of the group late. If other processes lease all of them between the two statements,
// it returns [dberr.ErrRetry].
func readLate(ctx context.Context, run query.Runner, n int, at time.Time) (candidates, error) {
	var codes query.TextArray
	err := run(ctx, query.Query{SQL: lateCodesSQL, Args: query.Args{"n": n, "at": at}, Scan: query.Each(query.Text[string], func(code string) { codes = append(codes, code) })})
	if err != nil || len(codes) == 0 {
		return nil, err
	}
	all, err := readViews(ctx, run, lateSQL, query.Args{"n": n, "at": at, "codes": codes})
	if err == nil && len(all) == 0 {
		err = dberr.ErrRetry
	}
	return all, err
}

func readViews(ctx context.Context, run query.Runner, sql string, args query.Args) (all candidates, err error) {
	err = run(ctx, query.Query{SQL: sql, Args: args, Scan: func(r query.Row) error {
		c, err := readCandidate(r)
		all = append(all, c)
		return err
	}})
	return all, err
}

// readCandidate reads a candidate from a row. If only a part of its snapshot cannot be read, it sets c.err and returns
// no error.
func readCandidate(r query.Row) (c candidate, err error) {
	c.view, c.err = newSnapshotScanner().scan(r)
	if c.view.Task == nil || c.since().IsZero() {
		err = c.err
	}
	return c, err
}

// lateOnShard returns the codes of the first late tasks of a shard as a JSON array. Citus replaces %%s by the shard.
const lateOnShard = `SELECT json_agg(x.code) FROM (SELECT code FROM %%s WHERE ended_at IS NULL AND coalesce(leased_until, due) <= '%s'
	ORDER BY coalesce(leased_until, due) LIMIT %d) x`

// reachableSQL runs a statement on each shard, and returns the results of the shards that can be reached.
const reachableSQL = `SELECT coalesce(r.result, '[]') FROM run_command_on_shards('keyseat_tasks', @command) r WHERE r.success`

// readReachable is like [readCandidates], for the tasks on servers that can be reached. It finds only late tasks. If it
// can reach no server, it returns the error away.
func readReachable(ctx context.Context, run query.Runner, n int, now time.Time, away error) (candidates, error) {
	var codes query.TextArray
	shards := 0
	command := fmt.Sprintf(lateOnShard, now.UTC().Format(time.RFC3339Nano), n)
	failed := run(ctx, query.Query{SQL: reachableSQL, Args: query.Args{"command": command}, Scan: func(r query.Row) error {
		var list string
		if err := r.Scan([]query.Column{query.Text(&list)}); err != nil {
			return err
		}
		var some []string
		err := json.Unmarshal([]byte(list), &some)
		codes, shards = append(codes, some...), shards+1
		return err
	}})
	if failed != nil || shards == 0 {
		return nil, away
	}
	if len(codes) == 0 {
		return nil, nil
	}
	return readViews(ctx, run, lateSQL, query.Args{"at": now, "n": n, "codes": codes})
}
