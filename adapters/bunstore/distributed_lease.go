package bunstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
)

// Processes that lease simultaneously choose the same tasks, and only one of them gets each task. After such
// a collision, the store reads [oversample] times as many candidates as it wants, and chooses from them at
// random. It does so for the next [contentionTTL] leases.
const (
	oversample    = 4  // factor
	contentionTTL = 16 // leases
)

// lease implements [layout]. It chooses tasks without a lock, and leases the tasks that are still unchanged. If it
// gets none of them, it chooses again, up to [maxTxRetries] times in all.
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

// chooseCandidates returns up to n candidates, the longest due first. After a collision it chooses at random.
func (d distributed) chooseCandidates(ctx context.Context, run query.Runner, n int, times query.Args) (candidates, error) {
	if d.contention.Load() <= 0 {
		return readCandidates(ctx, run, n, times)
	}
	d.contention.Add(-1)
	all, err := readCandidates(ctx, run, oversample*n, times)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:min(n, len(all))]
	slices.SortFunc(all, func(a, b candidate) int { return a.since().Compare(b.since()) })
	return all, err
}

// takeCandidatesSQL leases the candidates that are unchanged.
const takeCandidatesSQL = `
	UPDATE keyseat_tasks AS x SET fence = x.fence + 1, worker = @worker, leased_until = r.until,
		lost = x.lost + CASE WHEN x.leased_until IS NULL THEN 0 ELSE 1 END
	FROM @r WHERE x.code = r.code AND x.id = r.id AND x.version = r.version AND x.fence = r.fence AND x.ended_at IS NULL
		AND coalesce(x.leased_until, x.due) = r.since AND x.code = ANY (@codes)
	RETURNING x.code, x.id`

// takeCandidates leases the chosen tasks that no other transaction has leased or changed, and returns them. The
// leases end one microsecond apart, the first at the given time, so that they keep their order.
func (d distributed) takeCandidates(ctx context.Context, run query.Runner, chosen candidates, worker string, first time.Time) (taken candidates, err error) {
	rows := query.Rows{Columns: "code text, id text, version bigint, fence bigint, since timestamptz, until timestamptz"}
	for i := range chosen {
		c, until := &chosen[i], first.Add(time.Duration(i)*time.Microsecond)
		t := c.view.Task
		rows.Add(string(t.Code), t.ID, t.Version, t.Fence, c.since(), until)
		if c.err == nil {
			if !t.LeasedUntil.IsZero() {
				t.LostLeases++
			}
			t.Fence, t.LeasedUntil = t.Fence+1, until
		}
	}
	leased := map[taskKey]bool{}
	args := query.Args{"r": query.InlineRows(rows), "codes": rows.Texts("code"), "worker": worker}
	err = run(ctx, query.Query{SQL: takeCandidatesSQL, Args: args, Scan: func(r query.Row) error {
		var name taskKey
		err := r.Scan([]query.Column{query.Text(&name.code), query.Text(&name.id)})
		leased[name] = true
		return err
	}})
	if len(leased) < len(chosen) {
		d.contention.Store(contentionTTL)
	}
	return slices.DeleteFunc(chosen, func(c candidate) bool { return !leased[taskKey{c.view.Task.Code, c.view.Task.ID}] }), err
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

// extend implements [layout].
func (distributed) extend(ctx context.Context, s session, refs []tasks.Ref, ttl time.Duration, held map[tasks.Ref]bool) error {
	now, err := readTime(ctx, s.runCached)
	if err != nil {
		return err
	}
	set := `leased_until = r.until`
	if ttl == 0 {
		set = `leased_until = NULL, worker = NULL`
	}
	rows := query.Rows{Columns: "code text, id text, fence bigint, until timestamptz"}
	for i, ref := range refs {
		rows.Add(string(ref.Code), ref.ID, ref.Fence, now.Add(ttl+time.Duration(i)*time.Microsecond))
	}
	return s.runOnce(ctx, `
		UPDATE keyseat_tasks AS x SET `+set+` FROM @r
		WHERE x.code = r.code AND x.id = r.id AND x.fence = r.fence AND x.ended_at IS NULL AND x.leased_until IS NOT NULL AND x.code = ANY (@codes)
		RETURNING x.code, x.id, x.fence`, query.Args{"r": query.InlineRows(rows), "codes": rows.Texts("code")}, markHeld(held))
}
