package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Apply implements [tasks.Store] in the session's transaction. It always locks keys, then tasks, then
// countries, each in the order of their codes. Therefore two calls never wait for each other.
func (s session) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	errs, err := s.apply(ctx, changes)
	return errs, s.tell("apply", err)
}

func (s session) apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	l, errs, err := lockAndCheck(ctx, s.ask, changes, s.sharded())
	if err != nil {
		return nil, err
	}
	return errs, s.write(ctx, &l)
}

// lockAndCheck locks the rows of the changes and checks each change. It returns a ledger of the changes that
// can be made, which the caller must write, and one error per change. The plans to read do not depend on
// the locked rows, so both queries go in one round trip.
func lockAndCheck(ctx context.Context, ask asker, changes []tasks.Change, sharded bool) (changeset, []error, error) {
	l := newChangeset()
	at, plans := time.Time{}, map[string]stock.Plan{}
	first := []question{lockQuery(&l, changes)}
	if sharded {
		first = readQueries(&l, changes)
	}
	if load, needed := plansQuery(&at, plans, changes); needed {
		first = append(first, load)
	}
	if err := ask(ctx, first...); err != nil {
		return l, nil, err
	}
	l.loadPlans(at, plans)
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = l.apply(c)
	}
	return l, errs, forgiveApplied(ctx, ask, changes, errs, sharded)
}

// lockSQL locks keys, then tasks, then countries, because UNION ALL reads its arms in order. It tests
// every task of a key with CASE, because a key has few tasks. With OR instead of CASE, Postgres may read
// every open task of the table.
const lockSQL = `
	WITH @about, @country,
	k AS MATERIALIZED (
		SELECT k.code, k.version FROM (SELECT code FROM about GROUP BY code ORDER BY code) a
		JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = a.code FOR UPDATE) k ON true),
	t AS MATERIALIZED (
		SELECT t.code, t.id, t.version, t.fence, t.ended_at FROM (SELECT code, id FROM about GROUP BY code, id ORDER BY code, id) a
		JOIN LATERAL (SELECT * FROM keyseat_tasks t WHERE t.code = a.code AND CASE WHEN t.ended_at IS NULL THEN true ELSE t.id = a.id END FOR UPDATE) t ON true),
	c AS MATERIALIZED (
		SELECT c.code FROM keyseat_countries c
		WHERE c.code IN (SELECT code FROM country) ORDER BY c.code FOR UPDATE OF c)
	SELECT 'key', code, '', version, CAST(0 AS bigint), CAST(NULL AS timestamptz) FROM k
	UNION ALL SELECT 'task', code, id, version, fence, ended_at FROM t
	UNION ALL SELECT 'country', code, '', 0, 0, NULL FROM c`

// lockQuery returns the query that locks the keys, tasks and countries of the changes. Its rows go into l.
func lockQuery(l *changeset, changes []tasks.Change) question {
	about, in := rowsTouched(changes)
	return question{lockSQL, args{"about": about, "country": in}, func(r row) error {
		var what, code, id string
		var now rowVersion
		err := r.scan([]field{
			text[string]{&what},
			text[string]{&code},
			text[string]{&id},
			whole[int64]{&now.version},
			whole[int64]{&now.fence},
			moment{&now.endedAt},
		})
		l.lockedRow(what, code, id, now)
		return err
	}}
}

// rowsTouched returns the keys and tasks of the changes (about), and the countries whose plans they change (in).
func rowsTouched(changes []tasks.Change) (about, in batch) {
	about, in = batch{columns: "code text, id text"}, batch{columns: "code text"}
	for _, c := range changes {
		id := ""
		if c.Task != nil {
			id = c.Task.ID
		}
		about.add(string(c.Code()), id)
		if c.Transfer != nil {
			in.add(string(c.Transfer.Country))
		}
		if c.Claim != nil {
			in.add(string(c.Claim.Country))
		}
	}
	return about, in
}

var plansSQL = `
	WITH @moved, @wanted
	SELECT @now, ` + planTable.columns.list("p.%") + ` FROM moved
	JOIN LATERAL (SELECT * FROM keyseat_plans p WHERE p.id = moved.id AND p.country = moved.country LIMIT 1) p ON true
	UNION ALL
	SELECT @now, ` + planTable.columns.list("p.%") + ` FROM wanted CROSS JOIN @oldest`

// plansQuery returns the query that reads the plans that the changes may need; needed is false if they need
// none. The query is separate from the locking one, because a statement that has waited for a lock
// still sees the rows from before the wait.
func plansQuery(at *time.Time, plans map[string]stock.Plan, changes []tasks.Change) (q question, needed bool) {
	moved, wanted, most := plansNeeded(changes)
	named := args{"moved": moved, "wanted": wanted, "most": most}
	return question{plansSQL, named, func(r row) error {
		var p stock.Plan
		err := r.scan([]field{moment{at}}, planTable.fields(&p))
		plans[p.ID] = p
		return err
	}}, len(moved.rows)+len(wanted.rows) > 0
}

// forgiveApplied sets the error of a refused change to nil if the history has the change's id: an earlier call has
// made the change. This call may see the earlier change before a synchronous standby has it. The row locks
// of this transaction are written to the log too, so its COMMIT waits for the standby. Therefore Apply
// returns only after the standby has the earlier change.
func forgiveApplied(ctx context.Context, ask asker, changes []tasks.Change, errs []error, sharded bool) error {
	refused := batch{columns: "code text, id text, i bigint"}
	for i, c := range changes {
		if errs[i] != nil {
			refused.add(string(c.Code()), c.ID, int64(i))
		}
	}
	if len(refused.rows) == 0 {
		return nil
	}
	if sharded {
		return ask(ctx, appliedQueries(changes, refused, errs)...)
	}
	return ask(ctx, question{
		`
		WITH @refused
		SELECT refused.i FROM refused
		WHERE EXISTS (SELECT 1 FROM keyseat_history h WHERE h.code = refused.code AND h.change_id = refused.id)`,
		args{"refused": refused},
		func(r row) error {
			var i int
			err := r.scan([]field{whole[int]{&i}})
			errs[i] = nil
			return err
		},
	})
}

// A taskKey is the primary key of a task.
type taskKey struct {
	code keys.Code
	id   string
}
