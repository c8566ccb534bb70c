package main

import (
	"context"
	"iter"

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

// each yields the elements of a slice.
func each[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func allKeys(ctx context.Context, s adminstore.AdminStore) iter.Seq2[keys.Key, error] {
	page := func(after keys.Code, n int) ([]tasks.Snapshot, error) { return s.Keys(ctx, after, n) }
	views := paged(page, func(v tasks.Snapshot) keys.Code { return v.Key.Code })
	return mapped(views, func(v tasks.Snapshot) keys.Key { return v.Key })
}

func allPlans(ctx context.Context, s adminstore.AdminStore) iter.Seq2[stock.Plan, error] {
	page := func(after int64, n int) ([]stock.Plan, error) { return s.Plans(ctx, after, n) }
	return paged(page, func(p stock.Plan) int64 { return p.Seq })
}

func allTasks(ctx context.Context, s adminstore.AdminStore, f adminstore.TaskFilter) iter.Seq2[tasks.Snapshot, error] {
	page := func(after tasks.Task, n int) ([]tasks.Snapshot, error) { return s.Tasks(ctx, f, after, n) }
	return paged(page, func(v tasks.Snapshot) tasks.Task { return *v.Task })
}
