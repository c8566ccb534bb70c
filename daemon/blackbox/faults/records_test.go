package faults_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// records are the records of the database, read without the program.
type records struct {
	keys   []keyRow
	tasks  []taskRow
	plans  []planRow
	events []eventRow // of the history, in the order of writing
}

type keyRow struct {
	code, status, message, username, address, task string
	used                                           bool
}

// A taskRow has its times in microseconds since 1970. 0 means none.
type taskRow struct {
	code, id, kind, country, plan, slot, outcome string
	version, fence, created, ended               int64
	leased, sealed                               bool
}

type planRow struct {
	id, country, fault         string
	size, held, spent, suspect int
}

type eventRow struct {
	code, change, cause, task, outcome, plan, from, to, note string
	at                                                       int64
}

// readRows reads all records.
func readRows(ctx context.Context, url string) (r records, err error) {
	db, err := harness.OpenReadOnly(url)
	if err != nil {
		return r, err
	}
	defer func() { _ = db.Close() }() // the connection has only read
	at := func(column string) string { return "coalesce(" + column + ", 0)" }
	if !strings.HasPrefix(url, "sqlite:") {
		at = func(column string) string {
			return "coalesce((extract(epoch FROM " + column + ") * 1000000)::bigint, 0)"
		}
	}
	if r.keys, err = queryAll(ctx, db, `SELECT code, status, message, username, verify_address, task_id, used FROM keyseat_keys ORDER BY code`,
		func(k *keyRow) []any {
			return []any{&k.code, &k.status, &k.message, &k.username, &k.address, &k.task, &k.used}
		}); err != nil {
		return r, err
	}
	if r.tasks, err = queryAll(ctx, db, `SELECT code, id, kind, country, plan_id, slot, outcome, version, fence, `+at("created_at")+`, `+at("ended_at")+`,
		worker IS NOT NULL OR leased_until IS NOT NULL, sealed IS NOT NULL FROM keyseat_tasks ORDER BY created_at, id`,
		func(t *taskRow) []any {
			return []any{
				&t.code, &t.id, &t.kind, &t.country, &t.plan, &t.slot, &t.outcome, &t.version, &t.fence, &t.created, &t.ended, &t.leased, &t.sealed,
			}
		}); err != nil {
		return r, err
	}
	if r.plans, err = queryAll(ctx, db, `SELECT id, country, fault, size, held, spent, suspect FROM keyseat_plans ORDER BY seq`,
		func(p *planRow) []any {
			return []any{&p.id, &p.country, &p.fault, &p.size, &p.held, &p.spent, &p.suspect}
		}); err != nil {
		return r, err
	}
	r.events, err = queryAll(ctx, db, `SELECT code, change_id, cause, task_id, outcome, plan_id, slot_from, slot_to, note, `+at("at")+` FROM keyseat_history ORDER BY seq, n`,
		func(l *eventRow) []any {
			return []any{&l.code, &l.change, &l.cause, &l.task, &l.outcome, &l.plan, &l.from, &l.to, &l.note, &l.at}
		})
	return r, err
}

// queryAll reads the rows of a query into structs.
func queryAll[T any](ctx context.Context, db *sql.DB, query string, into func(*T) []any) ([]T, error) {
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%.40s: %w", query, err)
	}
	defer func() { _ = found.Close() }() // Err returns the error
	var list []T
	for found.Next() {
		var one T
		if err := found.Scan(into(&one)...); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, found.Err()
}
