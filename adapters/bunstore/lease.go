package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
)

// Lease implements [tasks.Store].
func (s *Store) Lease(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	if s.isSQLite {
		views, err = s.leaseSQLite(ctx, worker, n, ttl)
		return views, s.wrap("lease", err)
	}
	if n <= 0 {
		return nil, nil
	}
	read := func(ctx context.Context, all ...query.Query) error { // without a transaction
		return s.onPgx(ctx, pgxconn.Statements, pgxconn.IfNotSent, func(run query.Runner) error { return run(ctx, all...) })
	}
	write := read
	if len(s.mode().TxSettings) > 0 {
		write = s.runInTx
	}
	err = s.retryConflict(ctx, func() error {
		views, err = s.layout.lease(ctx, read, write, worker, n, ttl)
		return err
	})
	return views, s.wrap("lease", err)
}

// retryConflict calls run, which runs a writing statement outside a transaction. In a distributed store this statement
// can conflict with other statements. Therefore retryConflict calls run through [retry] there.
func (d *database) retryConflict(ctx context.Context, run func() error) error {
	if d.isDistributed {
		return retry(ctx, run)
	}
	return run()
}

// leaseSQLite leases tasks in a transaction. If no task can be leased, it begins no transaction.
func (s *Store) leaseSQLite(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	s.wiper.WipeIfDue(ctx, false)
	waiting, err := s.reader().dueTasks(ctx, query.Args{"n": n, "twice": 2 * ttl})
	if err != nil || len(waiting.Values) == 0 {
		return nil, err
	}
	err = s.transact(ctx, func(tx session) error {
		views, err = tx.Lease(ctx, worker, n, ttl)
		return err
	})
	return views, err
}

// Lease implements [tasks.Store]. On SQLite the session must be in a transaction.
func (s session) Lease(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	switch {
	case n <= 0:
	case s.isSQLite:
		views, err = s.leaseSelectThenUpdate(ctx, leaseArgs(worker, n, ttl))
	default:
		views, err = s.layout.lease(ctx, s.runCached, s.runCached, worker, n, ttl)
	}
	return views, s.wrap("lease", err)
}

func leaseArgs(worker string, n int, ttl time.Duration) query.Args {
	return query.Args{"worker": worker, "n": n, "ttl": ttl, "twice": 2 * ttl, "tick": time.Microsecond}
}

func (oneServer) lease(ctx context.Context, _, run query.Runner, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return readableViews(ctx, run, "lease", leaseArgs(worker, n, ttl))
}

func (s session) leaseSelectThenUpdate(ctx context.Context, named query.Args) ([]tasks.Snapshot, error) {
	chosen, err := s.dueTasks(ctx, named)
	if err != nil || len(chosen.Values) == 0 {
		return nil, err
	}
	named["due"] = chosen
	if _, err := s.exec(ctx, s.sqlOf("lease take"), named); err != nil {
		return nil, err
	}
	return readableViews(ctx, s.runCached, "lease read", named)
}

// dueTasks returns the codes and ids of up to n tasks that can be leased, the longest due first. It only reads.
func (s session) dueTasks(ctx context.Context, named query.Args) (query.Rows, error) {
	chosen := query.Rows{Columns: "code text, id text"}
	err := s.runOnce(ctx, s.sqlOf("lease due"), named, query.Each(func(t taskKey) { chosen.Add(string(t.code), t.id) }))
	return chosen, err
}

// readableViews runs a statement and returns its snapshots, without the snapshots that cannot be read.
func readableViews(ctx context.Context, run query.Runner, name string, named query.Args) (views []tasks.Snapshot, err error) {
	one := query.NewReader[snapshotRow]()
	err = run(ctx, statement(name, named, func(r query.Row) error {
		if row, err := one.Read(r); err == nil {
			views = append(views, row.snapshot())
		}
		return nil
	}))
	return views, err
}

// Extend implements [tasks.Store].
func (s *Store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) (errs []error, err error) {
	on := s.writer()
	err = s.retryConflict(ctx, func() error {
		errs, err = on.extend(ctx, refs, ttl)
		return err
	})
	if s.isDistributed && dberr.WorkerAway(err) && len(refs) > 1 {
		return s.extendEach(ctx, refs, ttl), nil
	}
	return errs, s.wrap("extend", err)
}

// extendEach extends each lease with its own statement, so that a server that cannot be reached affects only its own
// leases.
func (s *Store) extendEach(ctx context.Context, refs []tasks.Ref, ttl time.Duration) []error {
	errs := make([]error, len(refs))
	for i := range refs {
		one, err := s.writer().extend(ctx, refs[i:i+1], ttl)
		if errs[i] = err; err == nil {
			errs[i] = one[0]
		}
	}
	return errs
}

// Extend implements [tasks.Store].
func (s session) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	errs, err := s.extend(ctx, refs, ttl)
	return errs, s.wrap("extend", err)
}

// extend makes leases end ttl from now, or ends them now if ttl is 0.
func (s session) extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	name := "extend"
	if ttl == 0 {
		name = "return leases"
	}
	want := query.Rows{Columns: "code text, id text, fence bigint"}
	for _, ref := range refs {
		want.Add(string(ref.Code), ref.ID, ref.Fence)
	}
	held := map[tasks.Ref]bool{}
	args := query.Args{"want": want, "codes": want.Texts("code"), "ttl": ttl, "tick": time.Microsecond}
	if s.isDistributed { // each server has a clock of its own, and Citus refuses to compute a time from a column
		at, err := readTime(ctx, s.runCached)
		if err != nil {
			return nil, err
		}
		r := query.Rows{Columns: "code text, id text, fence bigint, until timestamptz"}
		for i, ref := range refs {
			r.Add(string(ref.Code), ref.ID, ref.Fence, at.Add(ttl+time.Duration(i)*time.Microsecond))
		}
		args["r"] = query.InlineRows(r)
	}
	if err := s.run(ctx, nil, statement(name, args, query.Each(func(ref tasks.Ref) { held[ref] = true }))); err != nil {
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
