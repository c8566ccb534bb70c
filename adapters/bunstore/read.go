package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Snapshots implements [tasks.Store].
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	return s.reader().Snapshots(ctx, codes)
}

// Find implements [tasks.Store].
func (s *Store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	return s.reader().Find(ctx, codes)
}

// Stock implements [tasks.Store].
func (s *Store) Stock(ctx context.Context) ([]stock.Level, error) { return s.reader().Stock(ctx) }

// Snapshots implements [tasks.Store].
func (s session) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	var read snapshotSet
	err := s.retryRead(ctx, pgxconn.Statements, func(run query.Runner) error {
		read = snapshotSet{found: make(map[keys.Code]tasks.Snapshot, len(codes))}
		return run(ctx, s.snapshotQueries(codes, &read)...)
	})
	views := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		views[i] = read.of(code)
	}
	return views, s.wrap("view", err)
}

// snapshotQueries returns queries that read the snapshots of keys. On one server, the statement returns a row with the
// time for each wanted code. In a distributed store, a statement cannot join the wanted codes with the keys of many
// servers, so it returns no row for an unknown key. Therefore another query reads the time there.
func (d dialect) snapshotQueries(codes []keys.Code, read *snapshotSet) []query.Query {
	if d.isDistributed {
		args := query.Args{"codes": codeTexts(codes)}
		return []query.Query{timeQuery(&read.at), statement("snapshots distributed", args, read.add())}
	}
	return []query.Query{statement("snapshots", query.Args{"want": query.TextRows("code", codes)}, read.add())}
}

// Find implements [tasks.Store].
func (s session) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	var found []keys.Key
	err := s.retryRead(ctx, pgxconn.Statements, func(run query.Runner) error {
		found = make([]keys.Key, 0, len(codes))
		if len(codes) == 1 {
			return run(ctx, statement("find one", query.Args{"code": string(codes[0])}, query.Append(&found)))
		}
		return run(ctx, statement("find", query.Args{"codes": codeTexts(codes)}, query.Append(&found)))
	})
	return inOrder(found, codes), s.wrap("find", err)
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
	places := make(map[keys.Code]int, len(found)) // a map with keys as values would allocate each key
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

// Stock implements [tasks.Store].
func (s session) Stock(ctx context.Context) (all []stock.Level, err error) {
	type row struct {
		Country                                   stock.Country
		Size, Free, Held, Spent, Suspect, Expired int
	}
	err = s.retryRead(ctx, pgxconn.Statements, func(run query.Runner) error {
		all = nil
		return run(ctx, statement("levels", nil, query.Each(func(r row) {
			free := r.Free - r.Expired
			all = append(all, stock.Level{
				Country: r.Country, Size: r.Size, Free: free, Held: r.Held, Spent: r.Spent, Suspect: r.Suspect,
				Idle: r.Size - free - r.Held - r.Spent - r.Suspect,
			})
		})))
	})
	return all, s.wrap("stock", err)
}
