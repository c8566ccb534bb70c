package bunstore

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// distributed is [postgres] with tables on many servers. The rows of keyseat_keys, keyseat_tasks and
// keyseat_history may be on any server; the key's code decides which. The other tables are on the server
// that runs the transaction. The dialect also suits a database without SKIP LOCKED.
//
// A statement about the three tables follows these rules:
//
//   - It locks only the rows that it writes. The store reads rows without a lock and writes them by
//     compare-and-set on version and fence. If another transaction was faster, the store runs its own again.
//   - It names the codes as an array, so that Citus skips the servers that have none of them.
//   - It gets each time as an argument, because each server has its own clock.
//
// Two transactions that write the same rows in different orders deadlock. The database detects this and
// aborts a transaction, which the store then runs again.
type distributed struct {
	postgres
	at     time.Time     // the value of @now, read from the database; zero: each statement uses the clock of the database
	rivals *atomic.Int32 // see [contentionTTL]
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

// timed returns a session whose @now is the present time of the database, which it reads first. A session
// that is not distributed is returned unchanged.
func (s session) timed(ctx context.Context) (session, error) {
	d, is := s.dialect.(distributed)
	if !is {
		return s, nil
	}
	err := s.ask(ctx, question{`SELECT @now`, nil, func(r row) error { return r.scan([]field{moment{&d.at}}) }})
	return session{d, s.on}, err
}

// timed returns a copy of the store whose sessions have the @now of [session.timed].
func (s *Store) timed(ctx context.Context) (*Store, error) {
	at, err := s.reader().timed(ctx)
	timed := *s
	timed.dialect = at.dialect
	return &timed, err
}
