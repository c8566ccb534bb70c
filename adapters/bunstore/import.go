package bunstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// ImportKeys implements [tasks.AdminStore]. The keys pass through: however many they are, few are in
// memory. Serving and issuing go on meanwhile, but imports on Postgres take turns, and on SQLite all
// other writes wait at the end, when the keys are moved over at once: seconds for a million.
func (s *Store) ImportKeys(ctx context.Context, b tasks.ImportBatch, all iter.Seq2[keys.Key, error]) error {
	from := &source{all: all}
	bring := s.copyKeys
	switch {
	case s.embedded():
		bring = s.stageKeys
	case s.sharded():
		bring = s.insertKeys
	}
	err := bring(ctx, b, from)
	fault, found := errors.AsType[tasks.RowError](err)
	switch {
	case from.err != nil:
		return from.err
	case found:
		return fault
	case errors.Is(err, tasks.ErrBatch):
		return tasks.ErrBatch
	}
	return s.reader().tell("import", err)
}

// A source is the keys of an import, as they are stored first.
type source struct {
	all iter.Seq2[keys.Key, error]
	err error // that the sequence has given
}

// each gives every key, until the sequence or do gives an error.
func (s *source) each(do func(keys.Key) error) error {
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
