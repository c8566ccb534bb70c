package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// views runs a query and returns up to n snapshots of keys k and their tasks t. The argument which is a
// function that adds conditions and an order to the query.
func (s *Store) views(ctx context.Context, from, join string, n int, which func(q *bun.SelectQuery) *bun.SelectQuery) (views []tasks.Snapshot, err error) {
	at, err := s.reader().timed(ctx)
	if err != nil {
		return nil, s.wrap("list", err)
	}
	now, args := query.Now(at.sql)
	q := s.read.NewSelect().ColumnExpr(now, args...).ColumnExpr(viewColumns).TableExpr(from).Join(join).Limit(int64(n))
	rows, err := which(q).Rows(ctx) //nolint:rowserrcheck // ScanRows checks it
	one := newSnapshotScanner()
	err = query.ScanRows(rows, err, func(r query.Row) error {
		v, err := one.scan(r)
		views = append(views, v)
		return err
	})
	return views, s.wrap("list", err)
}

// Keys implements [adminstore.AdminStore].
func (s *Store) Keys(ctx context.Context, after keys.Code, n int) ([]tasks.Snapshot, error) {
	if n <= 0 {
		return nil, nil // for bun a limit of 0 means no limit
	}
	return s.views(ctx, "keyseat_keys AS k", "LEFT JOIN keyseat_tasks AS t ON t.code = k.code AND t.id = k.task_id", n,
		func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("k.code > ?", string(after)).OrderExpr("k.code")
		})
}

// joinKey is a join of a task t with its key k.
const joinKey = "JOIN keyseat_keys AS k ON k.code = t.code"

// Tasks implements [adminstore.AdminStore].
func (s *Store) Tasks(ctx context.Context, filter adminstore.TaskFilter, after tasks.Task, n int) ([]tasks.Snapshot, error) {
	if n <= 0 {
		return nil, nil
	}
	return s.views(ctx, "keyseat_tasks AS t", joinKey, n, func(q *bun.SelectQuery) *bun.SelectQuery {
		switch filter {
		case adminstore.AnyTask:
		case adminstore.OpenTask:
			q = q.Where("t.ended_at IS NULL")
		case adminstore.EndedTask:
			q = q.Where("t.ended_at IS NOT NULL")
		case adminstore.SuspectTask:
			q = q.Where("t.slot = ?", string(stock.Suspect))
		}
		if after.ID != "" {
			q = q.Where("(t.created_at, t.id) > (?, ?)", s.timeArg(after.CreatedAt), after.ID)
		}
		return q.OrderExpr("t.created_at, t.id")
	})
}

// timeArg returns a time as the argument of a query of bun. SQLite stores microseconds since 1970.
func (s *Store) timeArg(at time.Time) any {
	if s.isSQLite {
		return at.UnixMicro()
	}
	return at
}

// Task implements [adminstore.AdminStore].
func (s *Store) Task(ctx context.Context, id string) (tasks.Snapshot, error) {
	views, err := s.views(ctx, "keyseat_tasks AS t", joinKey, 1,
		func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("t.id = ?", id) })
	if err != nil || len(views) == 0 {
		return tasks.Snapshot{}, err
	}
	return views[0], nil
}

// Plans implements [adminstore.AdminStore].
func (s *Store) Plans(ctx context.Context, after int64, n int) (plans []stock.Plan, err error) {
	if n <= 0 {
		return nil, nil
	}
	//nolint:rowserrcheck // ScanRows checks it
	rows, err := s.read.NewSelect().ColumnExpr(planTable.Columns.List("%")).TableExpr(planTable.Name).
		Where("seq > ?", after).OrderExpr("seq").Limit(int64(n)).Rows(ctx)
	err = query.ScanRows(rows, err, func(r query.Row) error {
		var p stock.Plan
		err := r.Scan(planTable.Fields(&p))
		plans = append(plans, p)
		return err
	})
	return plans, s.wrap("list plans", err)
}

// History implements [adminstore.AdminStore].
func (s *Store) History(ctx context.Context, code keys.Code) (events []tasks.Event, err error) {
	//nolint:rowserrcheck // ScanRows checks it
	rows, err := s.read.NewSelect().ColumnExpr(historyTable.Columns.List("%")).TableExpr(historyTable.Name).
		Where("code = ?", string(code)).OrderExpr("seq").Rows(ctx)
	err = query.ScanRows(rows, err, func(r query.Row) error {
		var l historyRow
		err := r.Scan(historyTable.Fields(&l))
		events = append(events, l.Event)
		return err
	})
	return events, s.wrap("list history", err)
}
