package bunstore

import (
	"context"
	_ "embed" // for the files of SQL

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// snapshotsSQL reads the snapshots of keys. PostgreSQL plans it once, and the tables may have been empty at that
// moment. For empty tables every index and every join order seem good to the planner. Therefore the LATERAL
// joins fix the order. The CASE keeps the planner from an index on the task's id: the server reads
// all tasks of a key, which are few.
var (
	//go:embed sql/snapshots.postgres.sql
	snapshotsSQL string
	//go:embed sql/snapshots.sqlite.sql
	snapshotsSQLite string
)

// Snapshots implements [tasks.Store].
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	if s.isSQLite || s.distributed || len(codes) == 0 {
		return s.reader().Snapshots(ctx, codes)
	}
	err = s.retryRead(ctx, pgxconn.Statements, func(run query.Runner) error {
		views, err = readSnapshots(ctx, run, codes)
		return err
	})
	return views, s.wrap("view", err)
}

// Snapshots implements [tasks.Store].
func (s session) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	if s.distributed {
		views, err := s.snapshotsDistributed(ctx, codes)
		return views, s.wrap("view", err)
	}
	views, err := readSnapshots(ctx, s.runCached, codes)
	return views, s.wrap("view", err)
}

func readSnapshots(ctx context.Context, run query.Runner, codes []keys.Code) ([]tasks.Snapshot, error) {
	views := make([]tasks.Snapshot, 0, len(codes))
	one := newSnapshotScanner()
	want := query.Rows{Columns: "code text"}
	for _, code := range codes {
		want.Add(string(code))
	}
	err := run(ctx, query.Query{SQL: snapshotsSQL, SQLite: snapshotsSQLite, Args: query.Args{"want": want}, Scan: func(r query.Row) error {
		v, err := one.scan(r)
		views = append(views, v)
		return err
	}})
	return views, err
}

// availableSQL is the condition that a plan p is in stock at @now.
const availableSQL = `(NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > @now))`

// Stock implements [tasks.Store].
func (s *Store) Stock(ctx context.Context) (all []stock.Level, err error) {
	if s.isSQLite {
		return s.reader().Stock(ctx)
	}
	err = s.retryRead(ctx, pgxconn.Scans, func(run query.Runner) error {
		all, err = readLevels(ctx, run)
		return err
	})
	return all, s.wrap("stock", err)
}

// Stock implements [tasks.Store].
func (s session) Stock(ctx context.Context) ([]stock.Level, error) {
	levels, err := readLevels(ctx, s.runCached)
	return levels, s.wrap("stock", err)
}

const freeSlotsSQL = `p.size - p.held - p.spent - p.suspect`

const levelsSQL = `
	SELECT p.country, CAST(sum(p.size) AS bigint),
		CAST(sum(CASE WHEN ` + availableSQL + ` THEN ` + freeSlotsSQL + ` ELSE 0 END) AS bigint),
		CAST(sum(p.held) AS bigint), CAST(sum(p.spent) AS bigint), CAST(sum(p.suspect) AS bigint),
		CAST(sum(CASE WHEN ` + availableSQL + ` THEN 0 ELSE ` + freeSlotsSQL + ` END) AS bigint)
	FROM keyseat_plans p
	GROUP BY p.country
	ORDER BY p.country`

func readLevels(ctx context.Context, run query.Runner) (all []stock.Level, err error) {
	err = run(ctx, query.Query{SQL: levelsSQL, Scan: func(r query.Row) error {
		var l stock.Level
		err := r.Scan([]query.Column{
			query.Text(&l.Country),
			query.Int(&l.Size),
			query.Int(&l.Free),
			query.Int(&l.Held),
			query.Int(&l.Spent),
			query.Int(&l.Suspect),
			query.Int(&l.Idle),
		})
		all = append(all, l)
		return err
	}})
	return all, err
}
