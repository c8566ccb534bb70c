package bunstore

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// distributed is [postgres] whose tables keyseat_keys, keyseat_tasks and keyseat_history may lie on many
// servers, each row where its key's code says; the others lie where the transaction runs. It also does
// where there is no SKIP LOCKED. A statement about those three
//
//   - locks no rows but those that it writes: what is decided from is read as it is, and written by
//     compare-and-set on its version and fence, and who was overtaken runs again;
//   - names the codes as an array, by which the servers that have none of them are left out;
//   - takes no time but as an argument, because each server has a clock of its own.
//
// Two that write the same rows in another order deadlock, which the database finds out and the store
// runs again.
type distributed struct {
	postgres
	at     time.Time // that the database has told; zero: ask it
	rivals *atomic.Int32
}

func newDistributed() distributed { return distributed{rivals: &atomic.Int32{}} }

func (distributed) sharded() bool { return true }

func (d distributed) transactional() dialect {
	d.shared = true
	return d
}

func (d distributed) kind() string {
	if d.at.IsZero() {
		return "distributed"
	}
	return "distributed, at a time"
}

func (d distributed) adapt(sql string) string {
	return strings.ReplaceAll(byName(d.postgres.adapt(sql)), " SKIP LOCKED", "")
}

func (d distributed) now() time.Time { return d.at }

func (d distributed) clock(pass param) string {
	if d.at.IsZero() {
		return d.postgres.clock(pass)
	}
	return d.scalar(d.at, pass)
}

func (d distributed) scalar(value any, pass param) string {
	switch value.(type) {
	case time.Time:
		return "CAST(" + pass(func(value any) any { return value }) + " AS timestamptz)"
	default:
		return d.postgres.scalar(value, pass)
	}
}

// timed is the session whose @now is a time that the database has just told, where it is distributed.
func (s session) timed(ctx context.Context) (session, error) {
	d, is := s.dialect.(distributed)
	if !is {
		return s, nil
	}
	err := s.ask(ctx, question{`SELECT @now`, nil, func(r row) error { return r.scan([]field{moment{&d.at}}) }})
	return session{d, s.on}, err
}

// timed is [session.timed].
func (s *Store) timed(ctx context.Context) (*Store, error) {
	at, err := s.reader().timed(ctx)
	timed := *s
	timed.dialect = at.dialect
	return &timed, err
}
