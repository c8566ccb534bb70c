package bunstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// ImportKeys implements [adminstore.AdminStore]. It streams the keys, so that only a few are in memory at a time.
// The daemon continues to serve requests and to issue keys during an import.
//
// On Postgres only one import runs at a time; the others wait. On SQLite an import ends with a
// transaction that copies all keys into the table. All other writes wait for it: for a million keys, seconds.
func (s *Store) ImportKeys(ctx context.Context, b adminstore.ImportBatch, all iter.Seq2[keys.Key, error]) error {
	from := &keySource{all: all}
	write := s.copyKeys
	switch {
	case s.isSQLite:
		write = s.stageKeys
	case s.distributed:
		write = s.insertKeys
	}
	err := write(ctx, b, from)
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

// importChunk is the number of keys in one INSERT of an import without COPY.
const importChunk = 500

// A keySource yields the keys of an import in the state in which they are first stored.
type keySource struct {
	all iter.Seq2[keys.Key, error]
	err error // the error that the sequence has yielded
}

// each calls do for every key, until the sequence yields an error or do returns one. It sets the fields that
// belong to the store: Version, Task and NextTaskAt.
func (s *keySource) each(do func(keys.Key) error) error {
	for k, err := range s.all {
		if err != nil {
			s.err = err
			return err
		}
		k.Version, k.Task, k.NextTaskAt = 1, "", time.Time{}
		if err := do(k); err != nil {
			return err
		}
	}
	return nil
}
