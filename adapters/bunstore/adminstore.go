package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// selectSnapshots returns a query that reads up to n keys or tasks into a model. Each row also has the row of
// the relation, and the time.
func (s *Store) selectSnapshots(ctx context.Context, model any, relation string, n int) query.Select {
	at, err := s.reader().timed(ctx)
	q := at.selectInto(model)
	q.Err(err).ColumnExpr("?TableColumns").ColumnExpr("? AS at", q.Now()).Relation(relation).Limit(int64(n))
	return q
}

// snapshot returns the snapshot of a key, read with its latest task.
func (k keyModel) snapshot() tasks.Snapshot {
	v := tasks.Snapshot{At: k.At, Key: keys.Key(k.keyColumns)}
	if k.LatestTask != nil {
		task := tasks.Task(k.LatestTask.taskColumns)
		v.Task = &task
	}
	return v
}

// snapshot returns the snapshot of a task, read with its key.
func (t taskModel) snapshot() tasks.Snapshot {
	task := tasks.Task(t.taskColumns)
	return tasks.Snapshot{At: t.At, Key: keys.Key(t.Key.keyColumns), Task: &task}
}

// Keys implements [adminstore.AdminStore].
func (s *Store) Keys(ctx context.Context, after keys.Code, n int) ([]tasks.Snapshot, error) {
	if n <= 0 {
		return nil, nil // for bun a limit of 0 means no limit
	}
	var rows []keyModel
	q := s.selectSnapshots(ctx, &rows, "LatestTask", n)
	err := q.Where("k.code > ?", q.Bind(string(after))).OrderExpr("k.code").Scan(ctx)
	return mapped(rows, keyModel.snapshot), s.wrap("list", err)
}

// hasKey is the condition that the key of a task exists.
const hasKey = `"key".code IS NOT NULL`

// Tasks implements [adminstore.AdminStore].
func (s *Store) Tasks(ctx context.Context, filter adminstore.TaskFilter, after tasks.Task, n int) ([]tasks.Snapshot, error) {
	if n <= 0 {
		return nil, nil
	}
	var rows []taskModel
	q := s.selectSnapshots(ctx, &rows, "Key", n)
	q.Where(hasKey)
	switch filter {
	case adminstore.AnyTask:
	case adminstore.OpenTask:
		q.Where("t.ended_at IS NULL")
	case adminstore.EndedTask:
		q.Where("t.ended_at IS NOT NULL")
	case adminstore.SuspectTask:
		q.Where("t.slot = ?", string(stock.Suspect))
	}
	if after.ID != "" {
		q.Where("(t.created_at, t.id) > (?, ?)", q.Bind(after.CreatedAt), q.Bind(after.ID))
	}
	err := q.OrderExpr("t.created_at, t.id").Scan(ctx)
	return mapped(rows, taskModel.snapshot), s.wrap("list", err)
}

// Task implements [adminstore.AdminStore].
func (s *Store) Task(ctx context.Context, id string) (tasks.Snapshot, error) {
	var row taskModel
	q := s.selectSnapshots(ctx, &row, "Key", 1)
	err := q.Where(hasKey).Where("t.id = ?", q.Bind(id)).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return tasks.Snapshot{}, nil
	case err != nil:
		return tasks.Snapshot{}, s.wrap("list", err)
	}
	return row.snapshot(), nil
}

// ImportKeys implements [adminstore.AdminStore]. It streams the keys, so that only a few are in memory at a time.
// The daemon continues to serve requests and to issue keys during an import.
//
// On Postgres only one import runs at a time; the others wait. On SQLite an import ends with a
// transaction that copies all keys into the table. All other writes wait for it: for a million keys, seconds.
func (s *Store) ImportKeys(ctx context.Context, b adminstore.ImportBatch, all iter.Seq2[keys.Key, error]) (err error) {
	from := &keySource{all: all}
	if s.isSQLite {
		err = s.stageKeys(ctx, b, from)
	} else {
		err = s.layout.importKeys(ctx, s.session(nil), s.write, b, from)
	}
	fault, found := errors.AsType[adminstore.RowError](err)
	switch {
	case from.err != nil:
		return from.err
	case found:
		return fault
	case errors.Is(err, adminstore.ErrBatch):
		return adminstore.ErrBatch
	}
	return s.wrap("import", err)
}

// Batch implements [adminstore.AdminStore].
func (s *Store) Batch(ctx context.Context, id string) ([]keys.Key, error) {
	var rows []keyModel
	q := s.reader().selectInto(&rows)
	err := q.Where("k.batch_id = ?", q.Bind(id)).OrderExpr("k.code").Scan(ctx)
	return mapped(rows, func(k keyModel) keys.Key { return keys.Key(k.keyColumns) }), s.wrap("list a batch", err)
}

// Plans implements [adminstore.AdminStore].
func (s *Store) Plans(ctx context.Context, after int64, n int) ([]stock.Plan, error) {
	if n <= 0 {
		return nil, nil
	}
	var rows []planModel
	q := s.reader().selectInto(&rows)
	err := q.Where("p.seq > ?", q.Bind(int(after))).OrderExpr("p.seq").Limit(int64(n)).Scan(ctx)
	return mapped(rows, func(p planModel) stock.Plan { return stock.Plan(p.planColumns) }), s.wrap("list plans", err)
}

// History implements [adminstore.AdminStore].
func (s *Store) History(ctx context.Context, code keys.Code) ([]tasks.Event, error) {
	var rows []historyModel
	q := s.reader().selectInto(&rows)
	err := q.Where("h.code = ?", q.Bind(string(code))).OrderExpr("h.seq").Scan(ctx)
	return mapped(rows, func(h historyModel) tasks.Event { return tasks.Event(h.eventColumns) }), s.wrap("list history", err)
}
