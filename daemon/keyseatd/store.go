package main

import (
	"context"
	"iter"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageSize is the number of rows that are in memory simultaneously.
const pageSize = 1000

// paged yields the rows of all pages. page returns up to n rows after a cursor, and next returns the
// cursor of a row. An error of page ends the iteration.
func paged[T, C any](page func(after C, n int) ([]T, error), next func(T) C) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var after C
		for {
			rows, err := page(after, pageSize)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
				after = next(row)
			}
			if len(rows) < pageSize {
				return
			}
		}
	}
}

// mapped converts each row with to.
func mapped[T, U any](rows iter.Seq2[T, error], to func(T) U) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(*new(U), err)
				return
			}
			if !yield(to(row), nil) {
				return
			}
		}
	}
}

// allKeys yields all keys, sorted by code.
func allKeys(ctx context.Context, s adminstore.AdminStore) iter.Seq2[keys.Key, error] {
	page := func(after keys.Code, n int) ([]tasks.Snapshot, error) { return s.Keys(ctx, after, n) }
	snapshots := paged(page, func(v tasks.Snapshot) keys.Code { return v.Key.Code })
	return mapped(snapshots, func(v tasks.Snapshot) keys.Key { return v.Key })
}

// allPlans yields all plans in the order of import.
func allPlans(ctx context.Context, s adminstore.AdminStore) iter.Seq2[stock.Plan, error] {
	page := func(after int64, n int) ([]stock.Plan, error) { return s.Plans(ctx, after, n) }
	return paged(page, func(p stock.Plan) int64 { return p.Seq })
}

// allTasks yields the tasks that match a filter, the oldest first.
func allTasks(ctx context.Context, s adminstore.AdminStore, f adminstore.TaskFilter) iter.Seq2[tasks.Snapshot, error] {
	page := func(after tasks.Task, n int) ([]tasks.Snapshot, error) { return s.Tasks(ctx, f, after, n) }
	return paged(page, func(v tasks.Snapshot) tasks.Task { return *v.Task })
}

// updateTimeout is the time limit of an admin action. Until then a command retries while the database is
// unavailable.
const updateTimeout = 30 * time.Second

// An adminAction returns an operator's change with the given id, based on the snapshot v.
type adminAction func(v tasks.Snapshot, id string) (tasks.Change, error)

// updateKey applies an admin action to the key with a code as people type it.
func (d databaseFlag) updateKey(ctx context.Context, typed string, action adminAction) error {
	code, err := keys.ParseTyped(typed)
	if err != nil {
		return err
	}
	return d.update(ctx, action, func(ctx context.Context, s *bunstore.Store) (tasks.Snapshot, error) {
		return operatorEngine(s).Snapshot(ctx, code)
	})
}

// updateTask applies an admin action to the task with the given id.
func (d databaseFlag) updateTask(ctx context.Context, id string, action adminAction) error {
	return d.update(ctx, action, func(ctx context.Context, s *bunstore.Store) (tasks.Snapshot, error) { return s.Task(ctx, id) })
}

func (d databaseFlag) update(ctx context.Context, action adminAction, read func(context.Context, *bunstore.Store) (tasks.Snapshot, error)) error {
	return d.open(ctx, func(s *bunstore.Store) error {
		ctx, cancel := context.WithTimeout(ctx, updateTimeout)
		defer cancel()
		return operatorEngine(s).Update(ctx, func(ctx context.Context) (tasks.Snapshot, error) { return read(ctx, s) }, action)
	})
}

// operatorEngine returns an engine for admin actions. It cannot accept requests or carry out tasks, because it
// has no connector, sealer or rules.
func operatorEngine(s tasks.Store) tasks.Engine { return daemon.NewEngine(s, nil, nil, tasks.Rules{}) }
