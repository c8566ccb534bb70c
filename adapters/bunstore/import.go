package bunstore

import (
	"context"
	"iter"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A keySource yields the keys of an import in the state in which they are first stored.
type keySource struct {
	all iter.Seq2[keys.Key, error]
	err error // the error that the sequence has yielded
}

// keys yields every key, until the sequence yields an error. It sets the fields that belong to the store:
// Version, Task and NextTaskAt.
func (s *keySource) keys(yield func(keys.Key, error) bool) {
	for k, err := range s.all {
		if err != nil {
			s.err = err
			yield(k, err)
			return
		}
		k.Version, k.Task, k.NextTaskAt = 1, "", time.Time{}
		if !yield(k, nil) {
			return
		}
	}
}

// chunks calls do for chunks of up to 500 keys. The argument before is the number of keys before the chunk.
func (s *keySource) chunks(do func(before int, some []keys.Key) error) error {
	const size = 500
	some, before := make([]keys.Key, 0, size), 0
	for k, err := range s.keys {
		if err != nil {
			return err
		}
		if some = append(some, k); len(some) < size {
			continue
		}
		if err := do(before, some); err != nil {
			return err
		}
		some, before = some[:0], before+size
	}
	if len(some) == 0 {
		return nil
	}
	return do(before, some)
}

// An execFunc runs a statement of a transaction and returns the number of rows that it has changed.
type execFunc func(ctx context.Context, text string, named query.Args) (int64, error)

// importBatch imports a batch in the transaction of run. It records the batch, calls do, and adds a history entry
// for each key. The function do must write the keys, each with the batch's id. The batch is recorded first,
// so that another import with the same id waits until this one has ended.
func importBatch(ctx context.Context, run execFunc, b adminstore.ImportBatch, do func() error) error {
	err := recordBatch(ctx, run, b)
	if err == nil {
		err = do()
	}
	if err == nil {
		_, err = run(ctx, `
			INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note, fresh)
			SELECT code, batch_id, 0, @now, @cause, '', '', '', '', '', '', @note, `+hasSubscribersSQL+`
			FROM keyseat_keys WHERE batch_id = @batch`,
			query.Args{"batch": b.ID, "cause": string(b.Type), "note": b.Note})
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
