package bunstore

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Apply implements [tasks.Store].
func (s *Store) Apply(ctx context.Context, changes []tasks.Change) (errs []error, err error) {
	if len(changes) == 0 {
		return nil, nil
	}
	err = s.retryTx(ctx, func(life context.Context, conn bun.Conn) error {
		errs, err = s.applyInTx(ctx, life, conn, changes)
		return err
	})
	if err != nil {
		return nil, s.wrap("apply", err)
	}
	s.wiper.WipeIfDue(ctx, slices.ContainsFunc(changes, func(c tasks.Change) bool { return c.Task != nil && !c.Task.Open() }))
	return errs, nil
}

// applyInTx applies changes in one transaction on conn. It uses a pipeline if the driver is pgx, otherwise
// database/sql. The COMMIT uses the context life, so the end of ctx does not interrupt the COMMIT.
func (s *Store) applyInTx(ctx, life context.Context, conn bun.Conn, changes []tasks.Change) (errs []error, err error) {
	isPgx, err := pgxconn.With(conn.Conn, s.sql, s.mode(), func(c pgxconn.Conn) (err error) {
		errs, err = s.applyPipelined(ctx, life, c.Pipeline(), changes)
		return err
	})
	if isPgx || err != nil {
		return errs, err
	}
	err = s.inTx(life, conn, func(tx session) error {
		errs, err = tx.apply(ctx, changes)
		return err
	})
	return errs, err
}

// applyPipelined does the work of [session.apply] in two round trips:
//
//	1  BEGIN, locks, reads
//	2  writes, COMMIT      the server skips the COMMIT if a write fails
//
// If a change is refused, one more round trip looks for an earlier call that made the same change. The COMMIT of a
// distributed store is a round trip of its own, and so is the preparation of each statement that is new to the
// connection. If all changes are refused, a ROLLBACK ends the transaction, because a COMMIT would wait for the disk.
func (s *Store) applyPipelined(ctx, life context.Context, p *pgxconn.Pipeline, changes []tasks.Change) (errs []error, err error) {
	defer func() {
		if err != nil {
			p.Rollback(life)
		}
	}()
	short, cancel := context.WithTimeout(ctx, dberr.TxTimeout)
	defer cancel()
	cs, errs, err := s.session(nil).lockAndCheck(short, p.Run, changes)
	if err == nil {
		err = short.Err()
	}
	switch {
	case err != nil:
	case !slices.Contains(errs, nil):
		p.Rollback(life)
	default:
		err = s.layout.write(life, p.Run, p.Commit, &cs)
	}
	return errs, err
}

// Apply implements [tasks.Store] in the session's transaction. On one server it always locks keys, then tasks, then
// countries, each in the order of their codes. Therefore two calls never deadlock.
func (s session) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	errs, err := s.apply(ctx, changes)
	return errs, s.wrap("apply", err)
}

func (s session) apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	cs, errs, err := s.lockAndCheck(ctx, s.runCached, changes)
	if err != nil {
		return nil, err
	}
	return errs, s.write(ctx, &cs)
}

// lockAndCheck locks the rows of the changes, calls the Decide of each change that has one, and checks each change. It
// returns a changeset with the rows of the accepted changes, which the caller must write, and one error per change.
//
// All queries go in one round trip, because the locked rows do not determine what to read. The reads are statements of
// their own after the locks. In one statement, they would see the rows as these were before the wait for a lock.
func (s session) lockAndCheck(ctx context.Context, run query.Runner, changes []tasks.Change) (changeset, []error, error) {
	cs := newChangeset()
	at, plans := time.Time{}, map[string]stock.Plan{}
	first := s.layout.lockQueries(&cs, changes)
	var undecided []keys.Code
	for _, c := range changes {
		if c.Decide != nil {
			undecided = append(undecided, c.Code())
		}
	}
	if len(undecided) > 0 {
		first = append(first, s.snapshotQueries(undecided, &cs.snapshots)...)
	}
	if load, needed := plansQuery(&at, plans, changes); needed {
		first = append(first, load)
	}
	if err := run(ctx, first...); err != nil {
		return cs, nil, err
	}
	cs.loadPlans(at, plans)
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = cs.apply(c)
	}
	return cs, errs, s.forgiveApplied(ctx, run, changes, errs)
}

// lockQueries implements [layout]. It locks the keys, tasks and countries of the changes.
func (oneServer) lockQueries(cs *changeset, changes []tasks.Change) []query.Query {
	about, in := rowsTouched(changes)
	return []query.Query{statement("lock", query.Args{"about": about, "country": in}, query.Each(cs.lockedRow))}
}

// rowsTouched returns the keys and tasks of the changes (about), and the countries in which they need plans (in).
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

// plansQuery returns the query that reads the plans that the changes may need. It reports whether they need a plan.
func plansQuery(at *time.Time, plans map[string]stock.Plan, changes []tasks.Change) (q query.Query, needed bool) {
	moved, wanted, most := plansNeeded(changes)
	type row struct {
		At   time.Time
		Plan stock.Plan
	}
	return statement("plans", query.Args{"moved": moved, "wanted": wanted, "most": most}, query.Each(func(r row) {
		*at, plans[r.Plan.ID] = r.At, r.Plan
	})), len(moved.Values)+len(wanted.Values) > 0
}

// forgiveApplied sets the error of a refused change to nil if the history has the change's id, because then an earlier
// call has made the change. This transaction may see the earlier change before a synchronous standby has it. But the
// server writes the row locks of this transaction to its log after the earlier change. Therefore the COMMIT waits until
// the standby has received both.
//
// In a distributed store this transaction has locked no key yet, so forgiveApplied first locks the keys of the refused
// changes.
func (d dialect) forgiveApplied(ctx context.Context, run query.Runner, changes []tasks.Change, errs []error) error {
	refused := query.Rows{Columns: "code text, id text"}
	places := map[taskKey][]int{} // the indexes of the refused changes
	for i, c := range changes {
		if name := (taskKey{c.Code(), c.ID}); errs[i] != nil {
			refused.Add(string(name.code), name.id)
			places[name] = append(places[name], i)
		}
	}
	if len(refused.Values) == 0 {
		return nil
	}
	args := query.Args{"refused": refused, "codes": refused.Texts("code"), "ids": refused.Texts("id")}
	all := []query.Query{statement("applied", args, query.Each(func(done taskKey) {
		for _, i := range places[done] {
			errs[i] = nil
		}
	}))}
	if d.isDistributed {
		all = slices.Insert(all, 0, statement("lock keys", args, query.Discard))
	}
	return run(ctx, all...)
}
