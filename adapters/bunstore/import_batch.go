package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// An execFunc runs a statement of a transaction and returns the number of rows that it has changed.
type execFunc func(ctx context.Context, text string, named query.Args) (int64, error)

// importBatch imports a batch in the transaction of run. It records the batch, calls do, and adds a history entry
// for each key. The function do must write the keys, each with the batch's id. The batch is recorded first,
// so that another import with the same id waits until this one has ended.
func importBatch(ctx context.Context, run execFunc, b adminstore.ImportBatch, do func() error) error {
	named := query.Args{"batch": b.ID, "cause": string(b.Type), "note": b.Note}
	err := recordBatch(ctx, run, b)
	if err == nil {
		err = do()
	}
	if err == nil {
		_, err = run(ctx, `
			INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note, fresh)
			SELECT code, batch_id, 0, @now, @cause, '', '', '', '', '', '', @note, `+hasSubscribersSQL+` FROM keyseat_keys WHERE batch_id = @batch`, named)
	}
	return err
}

// recordBatch records a batch. It returns [adminstore.ErrBatch] if the batch is recorded already.
func recordBatch(ctx context.Context, run execFunc, b adminstore.ImportBatch) error {
	n, err := run(ctx, `INSERT INTO keyseat_batches (id, created_at) VALUES (@batch, @now) ON CONFLICT DO NOTHING`, query.Args{"batch": b.ID})
	if err == nil && n == 0 {
		err = adminstore.ErrBatch
	}
	return err
}

// batchIsNew returns nil if the batch has not been imported yet, and [adminstore.ErrBatch] otherwise.
func (s session) batchIsNew(ctx context.Context, b adminstore.ImportBatch) error {
	return s.runOnce(ctx, `SELECT 1 FROM keyseat_batches WHERE id = @batch`, query.Args{"batch": b.ID},
		func(query.Row) error { return adminstore.ErrBatch })
}
