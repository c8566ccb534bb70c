package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// lastDecidedSQL is SQL for the time of the newest history entry of a task t. The clock that set this time may have
// been set back since.
const lastDecidedSQL = `(SELECT h.at FROM keyseat_history h WHERE h.code = t.code AND h.task_id = t.id ORDER BY h.seq DESC LIMIT 1)`

// dueSQL chooses the tasks to lease. It uses the index on coalesce(leased_until, due), because a poll that finds
// nothing must be cheap. There are two groups:
//
//   - late: open tasks that are due, or whose lease has expired;
//   - ahead: open tasks with a time more than 2×ttl in the future, set by a clock that was later set back.
//     A task of this group has a lease, or its newest history entry is also that far in the future.
const dueSQL = `
	late AS MATERIALIZED (
		SELECT t.code, t.id, coalesce(t.leased_until, t.due) AS since FROM keyseat_tasks t
		WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @now
		ORDER BY coalesce(t.leased_until, t.due) LIMIT @n FOR UPDATE SKIP LOCKED),
	ahead AS MATERIALIZED (
		SELECT t.code, t.id, coalesce(t.leased_until, t.due) AS since FROM keyseat_tasks t
		WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) > @now + @twice
			AND (t.leased_until IS NOT NULL OR ` + lastDecidedSQL + ` > @now + @twice)
		ORDER BY coalesce(t.leased_until, t.due) LIMIT @n FOR UPDATE SKIP LOCKED),
	due AS MATERIALIZED (
		SELECT code, id, row_number() OVER (ORDER BY since) AS place
		FROM (SELECT * FROM late UNION ALL SELECT * FROM ahead) AS both_kinds ORDER BY since LIMIT @n)`

// takeSQL leases the tasks of due. The leases end one microsecond apart, so that tasks whose leases expire
// together keep their order.
const takeSQL = `
	UPDATE keyseat_tasks AS x SET fence = x.fence + 1, worker = @worker, leased_until = @now + @ttl + due.place * @tick,
		lost = x.lost + CASE WHEN x.leased_until IS NULL THEN 0 ELSE 1 END
	FROM due JOIN LATERAL (SELECT o.ctid AS place FROM keyseat_tasks o WHERE o.code = due.code AND o.id = due.id LIMIT 1) o ON true WHERE x.ctid = o.place`

// Lease implements [tasks.Store]. On SQLite the session must be in a transaction.
func (s session) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	if n <= 0 {
		return nil, nil
	}
	if s.sharded() {
		taken, err := s.leaseDistributed(ctx, worker, n, ttl)
		return taken.views(), s.tell("lease", err)
	}
	if s.embedded() {
		views, err := s.leaseSelectThenUpdate(ctx, leaseArgs(worker, n, ttl))
		return views, s.tell("lease", err)
	}
	views, err := lease(ctx, s.ask, worker, n, ttl)
	return views, s.tell("lease", err)
}

func leaseArgs(worker string, n int, ttl time.Duration) args {
	return args{"worker": worker, "n": n, "ttl": ttl, "twice": 2 * ttl, "tick": time.Microsecond}
}

// leaseSQL is planned once, perhaps while the tables are empty: see [viewText].
var leaseSQL = `
	WITH ` + dueSQL + `, taken AS (` + takeSQL + ` RETURNING x.*, due.place)
	SELECT @now, ` + viewColumns + `
	FROM taken t JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = t.code LIMIT 1) k ON true
	ORDER BY t.place`

func lease(ctx context.Context, ask asker, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return readableViews(ctx, ask, leaseSQL, leaseArgs(worker, n, ttl))
}

// leaseSelectThenUpdate leases tasks for SQLite. It updates and reads in two statements, because SQLite does not allow
// an UPDATE inside WITH.
func (s session) leaseSelectThenUpdate(ctx context.Context, named args) ([]tasks.Snapshot, error) {
	chosen, err := s.dueTasks(ctx, named)
	if err != nil || len(chosen.rows) == 0 {
		return nil, err
	}
	named["due"] = chosen
	if _, err := s.exec(ctx, `WITH @due `+takeSQL, named); err != nil {
		return nil, err
	}
	return readableViews(ctx, s.ask, `
		WITH @due
		SELECT @now, `+viewColumns+` FROM due
		JOIN keyseat_tasks t ON t.code = due.code AND t.id = due.id
		JOIN keyseat_keys k ON k.code = t.code
		ORDER BY due.place`, named)
}

// dueTasks returns the codes and ids of up to n tasks that can be leased, the longest due first. It only reads.
func (s session) dueTasks(ctx context.Context, named args) (batch, error) {
	chosen := batch{columns: "code text, id text"}
	err := s.query(ctx, `WITH `+dueSQL+` SELECT code, id FROM due ORDER BY place`, named, func(r row) error {
		var code, id string
		err := r.scan([]field{text[string]{&code}, text[string]{&id}})
		chosen.add(code, id)
		return err
	})
	return chosen, err
}

// readableViews runs a query and returns its snapshots, without the snapshots that cannot be read.
func readableViews(ctx context.Context, ask asker, sql string, named args) (views []tasks.Snapshot, err error) {
	one := newViewing()
	err = ask(ctx, question{sql, named, func(r row) error {
		if v, err := one.read(r); err == nil {
			views = append(views, v)
		}
		return nil
	}})
	return views, err
}

// Extend implements [tasks.Store]. It uses a fresh plan each time. It waits for rows and writes them in the
// same statement, and no way to write that statement leaves the planner only one join order. With a
// generic plan the planner may choose a bad one.
func (s session) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	errs, err := s.extend(ctx, refs, ttl)
	return errs, s.tell("extend", err)
}

func (s session) extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	held := map[tasks.Ref]bool{}
	extend := s.extendLocked
	if s.sharded() {
		extend = s.extendDistributed
	}
	if err := extend(ctx, refs, ttl, held); err != nil {
		return nil, err
	}
	errs := make([]error, len(refs))
	for i, ref := range refs {
		if !held[ref] {
			errs[i] = tasks.ErrFenced
		}
	}
	return errs, nil
}

// extendLocked extends leases and sets had[ref] for each extended lease. A ttl of 0 ends the leases.
func (s session) extendLocked(ctx context.Context, refs []tasks.Ref, ttl time.Duration, held map[tasks.Ref]bool) error {
	set := `leased_until = @now + @ttl + its_place * @tick`
	if ttl == 0 {
		set = `leased_until = NULL, worker = NULL`
	}
	want := batch{columns: "code text, id text, fence bigint"}
	for _, ref := range refs {
		want.add(string(ref.Code), ref.ID, ref.Fence)
	}
	return s.query(ctx, `
		WITH @want, mine (its_code, its_id, its_place) AS MATERIALIZED (
			SELECT t.code, t.id, want.place FROM want
			JOIN keyseat_tasks t ON t.code = want.code AND t.id = want.id AND t.fence = want.fence
			WHERE t.ended_at IS NULL AND t.leased_until IS NOT NULL
			ORDER BY t.code, t.id FOR UPDATE OF t)
		UPDATE keyseat_tasks SET `+set+` FROM mine WHERE code = its_code AND id = its_id
		RETURNING code, id, fence`, args{"want": want, "ttl": ttl, "tick": time.Microsecond}, markHeld(held))
}

// markHeld returns a function that reads a ref from a row and sets had[ref].
func markHeld(held map[tasks.Ref]bool) func(r row) error {
	return func(r row) error {
		var ref tasks.Ref
		err := r.scan([]field{text[keys.Code]{&ref.Code}, text[string]{&ref.ID}, whole[int64]{&ref.Fence}})
		held[ref] = true
		return err
	}
}
