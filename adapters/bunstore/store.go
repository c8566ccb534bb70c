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
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A Store keeps all data in one database. Multiple goroutines may use it simultaneously.
type Store struct {
	dialect
	read      *bun.DB
	write     *bun.DB // for an SQLite file: one connection, because SQLite allows one writer
	ownsDB    bool    // Close closes read and write
	multiHost bool    // the URL names several servers
	dedicated bool    // the database is for keyseat only: see [Options.Dedicated]
	pooler    Pooler
	wiper     *walWiper // wipes erased secrets from the log; SQLite only
	kept      *kept     // prepared statements of the writer, for an SQLite file that [Open] has opened
	disk      *disk     // SQLite only
}

var (
	_ tasks.Store           = (*Store)(nil)
	_ adminstore.AdminStore = (*Store)(nil)
)

// NewDistributed is like [New], for the PostgreSQL databases that [Options.Distributed] describes.
func NewDistributed(db *bun.DB) (*Store, error) {
	if db.Dialect().Name() != known.PG {
		return nil, errNotPostgres
	}
	return &Store{dialect: newDistributed(), read: db, write: db}, nil
}

// New returns a store on a database that the caller has opened. The caller also closes the database.
//
//   - Postgres: the driver is the package stdlib of pgx, and the pool allows two connections or more.
//   - SQLite: the driver is modernc.org/sqlite, with _txlock=immediate and a busy timeout.
func New(db *bun.DB) (*Store, error) {
	switch db.Dialect().Name() { //nolint:exhaustive // the others are refused
	case known.PG:
		return &Store{dialect: postgres{}, read: db, write: db}, nil
	case known.SQLite:
		return &Store{dialect: sqlite{time: time.Now}, read: db, write: db, wiper: newWALWiper(), disk: &disk{}}, nil
	}
	return nil, errors.New("bunstore: the database is neither PostgreSQL nor SQLite")
}

// BehindPooler returns the same store in the mode of [PoolerTransaction]. It is for a Postgres that the
// caller has opened.
func (s *Store) BehindPooler() *Store {
	pooled := *s
	pooled.pooler, pooled.dialect = PoolerTransaction, s.transactional()
	return &pooled
}

// Pooler returns the kind of pooler that [Open] was given or has detected, or the one of
// [Store.BehindPooler]. The kind "" means unknown.
func (s *Store) Pooler() Pooler { return s.pooler }

// Embedded reports whether the database is an SQLite file.
func (s *Store) Embedded() bool { return s.embedded() }

// Path returns the path of the SQLite file that [Open] has opened, without symbolic links. It returns "" for
// other stores.
func (s *Store) Path() string {
	file, _ := s.dialect.(sqlite)
	return file.path
}

// errReadOnly means that the server is a standby, or that its settings forbid writes.
const errReadOnly = plainError("the server is read-only")

// Ping returns an error if the database does not answer or does not accept writes.
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

// Close closes the connections that [Open] has opened. On SQLite it first wipes erased secrets from the log.
// For a store of [New] it does nothing.
func (s *Store) Close() error {
	if !s.ownsDB {
		return nil
	}
	wiped := s.wipeWAL(context.Background())
	if s.read == s.write {
		return errors.Join(wiped, s.read.Close())
	}
	return errors.Join(wiped, s.write.Close(), s.read.Close())
}

// In returns a store that works in a transaction of the caller. The transaction must be on the database of
// the store. Changes are durable when the caller commits the transaction. The returned store retries
// nothing.
//
// On Postgres, the caller must roll back the transaction after an error. In a distributed store such an error
// may also mean that other transactions have changed the same rows.
func (s *Store) In(tx bun.Tx) tasks.Store { return session{s.dialect, tx.Tx} }

// reader returns the session for single statements outside a transaction.
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
	s.afterErase(ctx, changes)
	return errs, nil
}

// Lease implements [tasks.Store]. On SQLite a poll that finds nothing writes nothing.
func (s *Store) Lease(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	if s.sharded() && n > 0 {
		err = repeat(ctx, func() error {
			taken, err := s.reader().leaseDistributed(ctx, worker, n, ttl)
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
	s.afterErase(ctx, nil)
	waiting, err := s.reader().dueTasks(ctx, args{"n": n, "twice": 2 * ttl})
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
