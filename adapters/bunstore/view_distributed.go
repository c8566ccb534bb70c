package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var snapshotsDistributedSQL = `
	SELECT @now, ` + viewColumns + ` FROM keyseat_keys k
	LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
	WHERE k.code = ANY (@codes)`

// snapshotsDistributed does the work of [session.Snapshots] in a distributed store. There a statement cannot join the
// wanted codes with the keys, so its result lacks unknown keys. snapshotsDistributed adds an empty snapshot for each.
func (s session) snapshotsDistributed(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	s, err := s.timed(ctx)
	if err != nil {
		return nil, err
	}
	found, one := map[keys.Code]tasks.Snapshot{}, newSnapshotScanner()
	err = s.runCached(ctx, query.Query{SQL: snapshotsDistributedSQL, Args: query.Args{"codes": codeTexts(codes)}, Scan: func(r query.Row) error {
		v, err := one.scan(r)
		found[v.Key.Code] = v
		return err
	}})
	views := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		v, known := found[code]
		if !known {
			v.At = s.processTime()
		}
		views[i] = v
	}
	return views, err
}
