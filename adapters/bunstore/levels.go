package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/audit"
)

// DeductExpired subtracts the free slots of plans that have expired from the stored sums of their countries. It changes
// no result of [Store.Stock]. But Stock reads each plan that has expired since the last call, so a daemon calls
// DeductExpired every minute. It writes nothing if no plan has expired.
func (s *Store) DeductExpired(ctx context.Context) error {
	in := query.Rows{Columns: "code text"}
	err := s.reader().runOnce(ctx, sqlOf("expired"), nil, query.Each(func(code string) { in.Add(code) }))
	if err == nil && len(in.Values) > 0 {
		err = s.transact(ctx, func(tx session) error { return tx.changeSums(ctx, in, "deduct", query.Args{"country": in}) })
	}
	return s.wrap("deduct expired plans", err)
}

// changeSums locks the countries and runs a statement. Under the lock no other transaction changes their plans, and the
// statement sees all earlier changes.
func (s session) changeSums(ctx context.Context, in query.Rows, name string, args query.Args) error {
	if err := s.lockCountryRows(ctx, in); err != nil {
		return err
	}
	_, err := s.exec(ctx, sqlOf(name), args)
	return err
}

// LevelAudits implements [audit.Inspector].
func (s *Store) LevelAudits(ctx context.Context) (all []audit.LevelAudit, err error) {
	err = s.reader().retryRead(ctx, pgxconn.Scans, func(run query.Runner) error {
		all = nil
		return run(ctx, statement("audit levels", nil, query.Append(&all)))
	})
	return all, s.wrap("audit sums", err)
}

// FixLevel implements [audit.Inspector].
func (s *Store) FixLevel(ctx context.Context, country stock.Country) error {
	in := query.Rows{Columns: "code text", Values: [][]any{{string(country)}}}
	return s.wrap("fix sums", s.transact(ctx, func(tx session) error {
		return tx.changeSums(ctx, in, "fix level", query.Args{"country": string(country)})
	}))
}
