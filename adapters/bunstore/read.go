package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// snapshotsSQL reads the snapshots of keys. PostgreSQL plans it once, and the tables may have been empty at that
// moment. For empty tables every index and every join order seem good to the planner. Therefore the LATERAL
// joins fix the order. The CASE keeps the planner from an index on the task's id: the server reads
// all tasks of a key, which are few.
var snapshotsSQL, snapshotsSQLite = sqlFile("snapshots.postgres"), sqlFile("snapshots.sqlite")

// Snapshots implements [tasks.Store].
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	if len(codes) == 0 {
		return nil, nil
	}
	err = s.retryRead(ctx, pgxconn.Statements, func(run query.Runner) error {
		views, err = snapshots(ctx, s.layout, run, codes)
		return err
	})
	return views, s.wrap("view", err)
}

// Snapshots implements [tasks.Store].
func (s session) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	views, err := snapshots(ctx, s.layout, s.runCached, codes)
	return views, s.wrap("view", err)
}

// snapshots does the work of Snapshots, for the tables of a layout.
func snapshots(ctx context.Context, where layout, run query.Runner, codes []keys.Code) ([]tasks.Snapshot, error) {
	read := snapshotSet{found: make(map[keys.Code]tasks.Snapshot, len(codes))}
	err := run(ctx, where.snapshotQueries(codes, &read)...)
	views := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		views[i] = read.of(code)
	}
	return views, err
}

// snapshotQueries implements [layout].
func (oneServer) snapshotQueries(codes []keys.Code, read *snapshotSet) []query.Query {
	want := query.Rows{Columns: "code text"}
	for _, code := range codes {
		want.Add(string(code))
	}
	return []query.Query{{SQL: snapshotsSQL, SQLite: snapshotsSQLite, Args: query.Args{"want": want}, Scan: read.add()}}
}

// The statements that find keys: findManySQL finds several keys. findOneSQL finds one key, at the least cost
// for the database.
var (
	findManySQL    = `SELECT ` + keyTable.Columns.List("%") + ` FROM keyseat_keys WHERE code = ANY (@codes)`
	findManySQLite = `SELECT ` + keyTable.Columns.List("%") + ` FROM keyseat_keys WHERE code IN (SELECT value FROM json_each(@codes))`
	findOneSQL     = `SELECT ` + keyTable.Columns.List("%") + ` FROM keyseat_keys WHERE code = @code`
)

// Find implements [tasks.Store].
func (s *Store) Find(ctx context.Context, codes []keys.Code) (found []keys.Key, err error) {
	if len(codes) == 0 {
		return nil, nil
	}
	err = s.retryRead(ctx, pgxconn.Statements, func(run query.Runner) error {
		found, err = find(ctx, run, codes)
		return err
	})
	return found, s.wrap("find", err)
}

// Find implements [tasks.Store].
func (s session) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	found, err := find(ctx, s.runCached, codes)
	return found, s.wrap("find", err)
}

func find(ctx context.Context, run query.Runner, codes []keys.Code) ([]keys.Key, error) {
	found := make([]keys.Key, 0, len(codes))
	var one keys.Key
	into := query.ScanTargets(keyTable.Fields(&one))
	q := findQuery(codes)
	q.Scan = func(r query.Row) error {
		err := r(into...)
		found = append(found, one)
		return err
	}
	err := run(ctx, q)
	return inOrder(found, codes), err
}

func findQuery(codes []keys.Code) query.Query {
	if len(codes) == 1 {
		return query.Query{SQL: findOneSQL, Args: query.Args{"code": string(codes[0])}}
	}
	return query.Query{SQL: findManySQL, SQLite: findManySQLite, Args: query.Args{"codes": codeTexts(codes)}}
}

func codeTexts(codes []keys.Code) query.TextArray {
	all := make(query.TextArray, len(codes))
	for i, code := range codes {
		all[i] = string(code)
	}
	return all
}

// inOrder returns the found keys in the order of the codes. The zero key stands for a code without a key.
func inOrder(found []keys.Key, codes []keys.Code) []keys.Key {
	if len(codes) == 1 && len(found) == 1 {
		return found
	}
	places := make(map[keys.Code]int, len(found))
	for i := range found {
		places[found[i].Code] = i
	}
	all := make([]keys.Key, len(codes))
	for i, code := range codes {
		if place, known := places[code]; known {
			all[i] = found[place]
		}
	}
	return all
}
