package bunstore

import (
	"context"
	"errors"
	"time"

	"github.com/uptrace/bun"
	known "github.com/uptrace/bun/dialect"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Store keeps everything in one database. Any number of goroutines may use it.
type Store struct {
	dialect
	read      *bun.DB
	write     *bun.DB // of SQLite's, one connection, because it has one writer
	owned     bool    // close both
	fallback  bool    // the URL names several servers
	dedicated bool    // the database is keyseat's alone
	pooler    Pooler
	sweep     *sweep // of secrets, SQLite only
	kept      *kept  // for the writer of an SQLite file that [Open] has opened
	disk      *disk  // SQLite only
}

var (
	_ tasks.Store      = (*Store)(nil)
	_ tasks.AdminStore = (*Store)(nil)
)

// NewDistributed is [New] for PostgreSQL in the form that [Options.Distributed] is about.
func NewDistributed(db *bun.DB) (*Store, error) {
	if db.Dialect().Name() != known.PG {
		return nil, errNotPostgres
	}
	return &Store{dialect: newDistributed(), read: db, write: db}, nil
}

// New keeps everything in a database that the caller has opened: Postgres through pgx's stdlib, with
// room for two connections or more, or SQLite through modernc.org/sqlite, with _txlock=immediate and
// a busy timeout. The caller closes it.
func New(db *bun.DB) (*Store, error) {
	switch db.Dialect().Name() { //nolint:exhaustive // the others are refused
	case known.PG:
		return &Store{dialect: postgres{}, read: db, write: db}, nil
	case known.SQLite:
		return &Store{dialect: sqlite{time: time.Now}, read: db, write: db, sweep: newSweep(), disk: &disk{}}, nil
	}
	return nil, errors.New("bunstore: the database is neither PostgreSQL nor SQLite")
}

// BehindPooler gives the same store in the form for [PoolerTransaction], for a Postgres that the caller
// has opened.
func (s *Store) BehindPooler() *Store {
	pooled := *s
	pooled.pooler, pooled.dialect = PoolerTransaction, s.transactional()
	return &pooled
}

// Pooler is what [Open] was given or has found, or that of [Store.BehindPooler]; "": unknown.
func (s *Store) Pooler() Pooler { return s.pooler }

// Embedded says whether the database is an SQLite file.
func (s *Store) Embedded() bool { return s.embedded() }

// Path returns the SQLite file that [Open] has opened, with no symbolic link in it, or "".
func (s *Store) Path() string {
	file, _ := s.dialect.(sqlite)
	return file.path
}

// errReadOnly says that the server is a standby, or was told to take no writes.
const errReadOnly = plainError("the server is read-only")

// Ping asks whether the database answers, and takes writes.
func (s *Store) Ping(ctx context.Context) error {
	if s.embedded() {
		return s.reader().tell("ping", s.pingSQLite(ctx))
	}
	var shut string
	err := s.read.DB.QueryRowContext(ctx, `SHOW transaction_read_only`).Scan(&shut)
	if err == nil && shut == "on" {
		err = errReadOnly
	}
	return s.reader().tell("ping", err)
}

// Close closes what [Open] has opened. On SQLite it first wipes erased secrets from the log.
func (s *Store) Close() error {
	if !s.owned {
		return nil
	}
	wiped := s.wipe(context.Background())
	if s.read == s.write {
		return errors.Join(wiped, s.read.Close())
	}
	return errors.Join(wiped, s.write.Close(), s.read.Close())
}

// In joins a transaction of the caller's, begun on the database of the store: what is applied is
// durable once the transaction is committed, and nothing is retried. An error of a call, on Postgres,
// leaves the transaction good for nothing but a rollback; from a distributed store it may be that others
// were faster.
func (s *Store) In(tx bun.Tx) tasks.Store { return session{s.dialect, tx.Tx} }

// reader is the session of single statements.
func (s *Store) reader() session {
	if s.pooled() {
		return session{s.dialect, flights{s.read.DB, s}}
	}
	return session{s.dialect, s.read.DB}
}

// Snapshots implements [tasks.Store].
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	if s.embedded() || s.sharded() || len(codes) == 0 {
		return s.reader().Snapshots(ctx, codes)
	}
	err = s.look(ctx, looker, func(ask asker) error {
		views, err = view(ctx, ask, codes)
		return err
	})
	return views, s.reader().tell("view", err)
}

// Find implements [tasks.Store].
func (s *Store) Find(ctx context.Context, codes []keys.Code) (found []keys.Key, err error) {
	if s.embedded() || len(codes) == 0 {
		return s.reader().Find(ctx, codes)
	}
	err = s.look(ctx, looker, func(ask asker) error {
		found, err = find(ctx, ask, codes)
		return err
	})
	return found, s.reader().tell("find", err)
}

// Stock implements [tasks.Store].
func (s *Store) Stock(ctx context.Context) (all []stock.Level, err error) {
	if s.embedded() {
		return s.reader().Stock(ctx)
	}
	err = s.look(ctx, scanner, func(ask asker) error {
		all, err = levels(ctx, ask)
		return err
	})
	return all, s.reader().tell("stock", err)
}

// Apply implements [tasks.Store].
func (s *Store) Apply(ctx context.Context, changes []tasks.Change) (errs []error, err error) {
	if len(changes) == 0 {
		return nil, nil
	}
	err = s.rerun(ctx, func(life context.Context, conn bun.Conn) error {
		errs, err = s.applyOnce(ctx, life, conn, changes)
		return err
	})
	if err != nil {
		return nil, s.reader().tell("apply", err)
	}
	s.erased(ctx, changes)
	return errs, nil
}

// Lease implements [tasks.Store]. On SQLite a poll that finds nothing writes nothing.
func (s *Store) Lease(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	if s.sharded() && n > 0 {
		err = repeat(ctx, func() error {
			taken, err := s.reader().leaseApart(ctx, worker, n, ttl)
			views = taken.views()
			return err
		})
		return views, s.reader().tell("lease", err)
	}
	if !s.embedded() {
		err = s.past(ctx, s.taker(), unsent, func(ask asker) error {
			views, err = lease(ctx, ask, worker, n, ttl)
			return err
		})
		return views, s.reader().tell("lease", err)
	}
	s.erased(ctx, nil)
	waiting, err := s.reader().due(ctx, args{"n": n, "twice": 2 * ttl})
	if err != nil || len(waiting.rows) == 0 {
		return nil, s.reader().tell("lease", err)
	}
	err = s.transact(ctx, func(tx session) error {
		views, err = tx.Lease(ctx, worker, n, ttl)
		return err
	})
	return views, s.reader().tell("lease", err)
}

// Extend implements [tasks.Store].
func (s *Store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) (errs []error, err error) {
	on := s.reader()
	if s.embedded() {
		on.on = s.write.DB
	}
	if !s.sharded() {
		return on.Extend(ctx, refs, ttl)
	}
	err = repeat(ctx, func() error {
		errs, err = on.extend(ctx, refs, ttl)
		return err
	})
	return errs, on.tell("extend", err)
}
