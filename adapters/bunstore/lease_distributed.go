package bunstore

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A candidate is a task that could be leased when it was read.
type candidate struct {
	code           keys.Code
	id             string
	version, fence int64
	since          time.Time // end of the lease, or else the time at which the task is due
	view           tasks.Snapshot
	err            error // from reading the snapshot
}

type candidates []candidate

// The queries for candidates of a distributed store. Like [leaseSQL], they find two groups: late tasks, and tasks
// due in the future because a clock was set back. In the second group only the task's newest history entry
// counts: h is the newest entry if no entry g comes after it.
const candidateColumns = `t.code, t.id, t.version, t.fence, coalesce(t.leased_until, t.due), @now, `

var (
	lateSQL = `
		SELECT ` + candidateColumns + viewColumns + `
		FROM keyseat_tasks t JOIN keyseat_keys k ON k.code = t.code
		WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @now
		ORDER BY coalesce(t.leased_until, t.due) LIMIT @n`
	aheadSQL = `
		SELECT ` + candidateColumns + viewColumns + `
		FROM keyseat_tasks t JOIN keyseat_keys k ON k.code = t.code
		LEFT JOIN keyseat_history h ON h.code = t.code AND h.task_id = t.id AND h.at > @ahead AND t.leased_until IS NULL
		LEFT JOIN keyseat_history g ON g.code = h.code AND g.task_id = h.task_id AND g.seq > h.seq
		WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) > @ahead
			AND (t.leased_until IS NOT NULL OR h.code IS NOT NULL AND g.code IS NULL)
		ORDER BY coalesce(t.leased_until, t.due) LIMIT @n`
	takeCandidatesSQL = `
		UPDATE keyseat_tasks AS x SET fence = x.fence + 1, worker = @worker, leased_until = r.until,
			lost = x.lost + CASE WHEN x.leased_until IS NULL THEN 0 ELSE 1 END
		FROM @r WHERE x.code = r.code AND x.id = r.id AND x.version = r.version AND x.fence = r.fence AND x.ended_at IS NULL
			AND coalesce(x.leased_until, x.due) = r.since AND x.code = ANY (@codes)
		RETURNING x.code, x.id`
)

// Processes that lease simultaneously choose the same tasks, and only one of them gets each task. After such
// a collision, the store reads [oversample] times as many candidates as it wants, and chooses from them at
// random. It does so for the next [contentionTTL] leases.
const (
	oversample    = 4  // factor
	contentionTTL = 16 // leases
)

// leaseDistributed chooses tasks without a lock, and leases the tasks that are still unchanged. If it gets none of
// them, it chooses again, up to [maxTxRetries] times in all.
func (s session) leaseDistributed(ctx context.Context, worker string, n int, ttl time.Duration) (taken candidates, err error) {
	for range maxTxRetries {
		at, err := s.timed(ctx)
		if err != nil {
			return nil, err
		}
		chosen, err := at.chooseCandidates(ctx, n, at.processTime().Add(2*ttl))
		if err != nil || len(chosen) == 0 {
			return nil, err
		}
		if taken, err = at.takeCandidates(ctx, chosen, worker, ttl); err != nil || len(taken) > 0 {
			return taken, err
		}
	}
	return nil, nil
}

// chooseCandidates returns up to n candidates, the longest due first. After a collision it chooses at random.
func (s session) chooseCandidates(ctx context.Context, n int, ahead time.Time) (candidates, error) {
	rivals := s.contention
	if rivals.Load() <= 0 {
		return s.readCandidates(ctx, n, ahead)
	}
	rivals.Add(-1)
	all, err := s.readCandidates(ctx, oversample*n, ahead)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:min(n, len(all))]
	slices.SortFunc(all, func(a, b candidate) int { return a.since.Compare(b.since) })
	return all, err
}

// readCandidates returns up to n candidates: first the late ones, then those ahead, each the longest due first.
func (s session) readCandidates(ctx context.Context, n int, ahead time.Time) (all candidates, err error) {
	for _, text := range []string{lateSQL, aheadSQL} {
		if len(all) == n || err != nil {
			break
		}
		err = s.runCached(ctx, query.Query{SQL: text, Args: query.Args{"n": n - len(all), "ahead": ahead}, Scan: func(r query.Row) error {
			c, err := readCandidate(r)
			all = append(all, c)
			return err
		}})
	}
	return all, err
}

// readCandidate reads a candidate from a row. If only its snapshot cannot be read, it sets c.err and returns no error.
func readCandidate(r query.Row) (c candidate, err error) {
	var t tasks.Task
	c.err = r.Scan([]query.Column{
		query.Text(&c.code), query.Text(&c.id), query.Int(&c.version), query.Int(&c.fence), query.Time(&c.since), query.Time(&c.view.At),
	}, keyTable.Fields(&c.view.Key), taskTable.Fields(&t))
	c.view.Task = &t
	if c.since.IsZero() { // not even the first columns could be read
		err = c.err
	}
	return c, err
}

// takeCandidates leases the chosen tasks that no other transaction has leased or changed. It returns these. The leases
// end one microsecond apart, so that they keep their order.
func (s session) takeCandidates(ctx context.Context, chosen candidates, worker string, ttl time.Duration) (taken candidates, err error) {
	rows := query.Rows{Columns: "code text, id text, version bigint, fence bigint, since timestamptz, until timestamptz"}
	for i := range chosen {
		c := &chosen[i]
		until := s.processTime().Add(ttl + time.Duration(i)*time.Microsecond)
		rows.Add(string(c.code), c.id, c.version, c.fence, c.since, until)
		if t := c.view.Task; c.err == nil {
			if !t.LeasedUntil.IsZero() {
				t.LostLeases++
			}
			t.Fence, t.LeasedUntil = t.Fence+1, until
		}
	}
	had := map[taskKey]bool{}
	err = s.runOnce(ctx, takeCandidatesSQL, query.Args{"r": query.InlineRows(rows), "codes": rows.Texts("code"), "worker": worker}, func(r query.Row) error {
		var name taskKey
		err := r.Scan([]query.Column{query.Text(&name.code), query.Text(&name.id)})
		had[name] = true
		return err
	})
	if len(had) < len(chosen) {
		s.contention.Store(contentionTTL)
	}
	return slices.DeleteFunc(chosen, func(c candidate) bool { return !had[taskKey{c.code, c.id}] }), err
}

// views returns the snapshots that could be read.
func (all candidates) views() (views []tasks.Snapshot) {
	for _, c := range all {
		if c.err == nil {
			views = append(views, c.view)
		}
	}
	return views
}

// extendDistributed is [session.extendLocked] for a distributed store.
func (s session) extendDistributed(ctx context.Context, refs []tasks.Ref, ttl time.Duration, held map[tasks.Ref]bool) error {
	s, err := s.timed(ctx)
	if err != nil {
		return err
	}
	set := `leased_until = r.until`
	if ttl == 0 {
		set = `leased_until = NULL, worker = NULL`
	}
	rows := query.Rows{Columns: "code text, id text, fence bigint, until timestamptz"}
	for i, ref := range refs {
		rows.Add(string(ref.Code), ref.ID, ref.Fence, s.processTime().Add(ttl+time.Duration(i)*time.Microsecond))
	}
	return s.runOnce(ctx, `
		UPDATE keyseat_tasks AS x SET `+set+` FROM @r
		WHERE x.code = r.code AND x.id = r.id AND x.fence = r.fence AND x.ended_at IS NULL AND x.leased_until IS NOT NULL AND x.code = ANY (@codes)
		RETURNING x.code, x.id, x.fence`, query.Args{"r": query.InlineRows(rows), "codes": rows.Texts("code")}, markHeld(held))
}
