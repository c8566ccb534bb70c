package bunstore

import (
	"context"
	_ "embed" // for the files of SQL
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
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
	return errs, s.wrap("apply", err)
}

func (s session) apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	l, errs, err := lockAndCheck(ctx, s.runCached, changes, s.distributed)
	if err != nil {
		return nil, err
	}
	return errs, s.write(ctx, &l)
}

// lockAndCheck locks the rows of the changes and checks each change. It returns a changeset with
// the rows of the accepted changes, which the caller must write, and one error per change. The plans to read
// do not depend on the locked rows, so both queries go in one round trip.
func lockAndCheck(ctx context.Context, run query.Runner, changes []tasks.Change, distributed bool) (changeset, []error, error) {
	l := newChangeset()
	at, plans := time.Time{}, map[string]stock.Plan{}
	first := []query.Query{lockQuery(&l, changes)}
	if distributed {
		first = readQueries(&l, changes)
	}
	if load, needed := plansQuery(&at, plans, changes); needed {
		first = append(first, load)
	}
	if err := run(ctx, first...); err != nil {
		return l, nil, err
	}
	l.loadPlans(at, plans)
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = l.apply(c)
	}
	return l, errs, forgiveApplied(ctx, run, changes, errs, distributed)
}

// lockSQL locks keys, then tasks, then countries, because UNION ALL reads its arms in order. It tests every task of a
// key with CASE, because a key has few tasks. With OR instead of CASE, PostgreSQL may read every open task of the
// table. SQLite has locked the whole database already, and only reads.
var (
	//go:embed sql/apply_lock.postgres.sql
	lockSQL string
	//go:embed sql/apply_lock.sqlite.sql
	lockSQLite string
)

// lockQuery returns the query that locks the keys, tasks and countries of the changes. Its rows go into l.
func lockQuery(l *changeset, changes []tasks.Change) query.Query {
	about, in := rowsTouched(changes)
	return query.Query{SQL: lockSQL, SQLite: lockSQLite, Args: query.Args{"about": about, "country": in}, Scan: func(r query.Row) error {
		var what, code, id string
		var now rowVersion
		err := r.Scan([]query.Column{
			query.Text(&what),
			query.Text(&code),
			query.Text(&id),
			query.Int(&now.version),
			query.Int(&now.fence),
			query.Time(&now.endedAt),
		})
		l.lockedRow(what, code, id, now)
		return err
	}}
}

// rowsTouched returns the keys and tasks of the changes (about), and the countries whose plans they change (in).
func rowsTouched(changes []tasks.Change) (about, in query.Rows) {
	about, in = query.Rows{Columns: "code text, id text"}, query.Rows{Columns: "code text"}
	for _, c := range changes {
		id := ""
		if c.Task != nil {
			id = c.Task.ID
		}
		about.Add(string(c.Code()), id)
		if c.Transfer != nil {
			in.Add(string(c.Transfer.Country))
		}
		if c.Claim != nil {
			in.Add(string(c.Claim.Country))
		}
	}
	return about, in
}

// plansSQL reads the plans of transfers, and the oldest plans with a free slot in each country of a claim. On SQLite
// all countries have the same limit, because a LIMIT cannot depend on a row there.
var (
	//go:embed sql/apply_plans.postgres.sql
	plansSQL string
	//go:embed sql/apply_plans.sqlite.sql
	plansSQLite string
)

// plansQuery returns the query that reads the plans that the changes may need; needed is false if they need
// none. The query is separate from the locking one, because a statement that has waited for a lock
// still sees the rows from before the wait.
func plansQuery(at *time.Time, plans map[string]stock.Plan, changes []tasks.Change) (q query.Query, needed bool) {
	moved, wanted, most := plansNeeded(changes)
	named := query.Args{"moved": moved, "wanted": wanted, "most": most}
	return query.Query{SQL: plansSQL, SQLite: plansSQLite, Args: named, Scan: func(r query.Row) error {
		var p stock.Plan
		err := r.Scan([]query.Column{query.Time(at)}, planTable.Fields(&p))
		plans[p.ID] = p
		return err
	}}, len(moved.Values)+len(wanted.Values) > 0
}

// forgiveApplied sets the error of a refused change to nil if the history has the change's id: an earlier call has
// made the change. This call may see the earlier change before a synchronous standby has it. The row locks
// of this transaction are written to the log too, so its COMMIT waits for the standby. Therefore Apply
// returns only after the standby has the earlier change.
func forgiveApplied(ctx context.Context, run query.Runner, changes []tasks.Change, errs []error, distributed bool) error {
	refused := query.Rows{Columns: "code text, id text, i bigint"}
	for i, c := range changes {
		if errs[i] != nil {
			refused.Add(string(c.Code()), c.ID, int64(i))
		}
	}
	if len(refused.Values) == 0 {
		return nil
	}
	if distributed {
		return run(ctx, appliedQueries(changes, refused, errs)...)
	}
	return run(ctx, query.Query{
		SQL: `
		WITH @refused
		SELECT refused.i FROM refused
		WHERE EXISTS (SELECT 1 FROM keyseat_history h WHERE h.code = refused.code AND h.change_id = refused.id)`,
		Args: query.Args{"refused": refused},
		Scan: func(r query.Row) error {
			var i int
			err := r.Scan([]query.Column{query.Int(&i)})
			errs[i] = nil
			return err
		},
	})
}
