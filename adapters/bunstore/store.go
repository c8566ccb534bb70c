package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"
	known "github.com/uptrace/bun/dialect"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
	"github.com/keyseat/keyseat/internal/logincount"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// Options control how [Open] opens a database. The zero Options suit most programs.
type Options struct {
	Conns int              // the maximum number of simultaneous connections to Postgres, or of connections that read from SQLite; 0: 16
	Busy  time.Duration    // the time that SQLite waits for a transaction of another process; 0: 10 s
	Now   func() time.Time // on SQLite, the clock by which tasks are due and leases expire; nil: time.Now

	// Pooler is the kind of connection pooler between the store and a Postgres; "": PoolerAuto.
	Pooler Pooler

	// Distributed is for a Postgres whose tables [Store.Distribute] has distributed. It is also for
	// databases that use the protocol of Postgres and lack SKIP LOCKED.
	Distributed bool

	// Dedicated makes [Store.Migrate] refuse a database that has tables of other programs and no tables of keyseat. For
	// an SQLite file, [Open] refuses too. Without Dedicated, keyseat may share a database.
	Dedicated bool
}

func (o Options) filled() Options {
	o.Conns, o.Busy, o.Pooler = cmp.Or(o.Conns, 16), cmp.Or(o.Busy, 10*time.Second), cmp.Or(o.Pooler, PoolerAuto)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// A Pooler is the kind of connection pooler between a store and its PostgreSQL server.
type Pooler string

// The kinds of poolers. With a pooler in transaction mode each transaction may run on another server connection, which
// other programs also use. The store then changes settings only for one transaction, and prepares no statement.
// PoolerTransaction is correct behind every pooler, but slower.
const (
	PoolerAuto        Pooler = pgxconn.PoolerAuto        // [Open] connects and detects the pooler
	PoolerNone        Pooler = pgxconn.PoolerNone        // each connection is a server connection
	PoolerSession     Pooler = pgxconn.PoolerSession     // each connection keeps its server connection
	PoolerTransaction Pooler = pgxconn.PoolerTransaction // a connection keeps nothing from one transaction to the next
)

// A Store keeps all data in one database. Multiple goroutines may use it simultaneously.
type Store struct {
	database
	ownsDB     bool // [Store.Close] closes the pools read and write
	multiHost  bool // the URL names several servers
	dedicated  bool // the database is for keyseat only: see [Options.Dedicated]
	pooler     Pooler
	unverified []string             // see [Store.UnverifiedHosts]
	wiper      *sqlitefile.WALWiper // wipes erased secrets from the log; SQLite only
	logins     *logincount.Counter  // SQLite only
}

var (
	_ tasks.Store           = (*Store)(nil)
	_ tasks.LoginCounter    = (*Store)(nil)
	_ adminstore.AdminStore = (*Store)(nil)
)

// New returns a store on a database that the caller has opened. The caller also closes the database.
//
//   - Postgres: the driver must be the package stdlib of pgx, and the pool must allow two connections or more.
//   - SQLite: the driver must be modernc.org/sqlite, with _txlock=immediate, a busy timeout and
//     _pragma=secure_delete(1). Without secure_delete New returns an error, because SQLite would keep erased secrets in
//     the file. New also returns an error if other users of the machine can read or write the file.
func New(db *bun.DB) (*Store, error) {
	switch db.Dialect().Name() { //nolint:exhaustive // other databases are refused
	case known.PG:
		return &Store{database: postgresDatabase(db, false)}, nil
	case known.SQLite:
		s := sqliteStore(db, db, time.Now, "")
		if err := s.checkErasure(context.Background()); err != nil {
			return nil, s.wrap("open", err)
		}
		return s, nil
	}
	return nil, errors.New("bunstore: the database is neither PostgreSQL nor SQLite")
}

// sqliteStore returns a store on the pools of an SQLite file. It counts logins in memory: one daemon uses the file.
func sqliteStore(read, write *bun.DB, now func() time.Time, path string) *Store {
	return &Store{
		database: database{dialect: sqliteDialect(now, path), layout: oneServer{}, read: read, write: write, disk: &sqlitefile.Disk{}},
		wiper:    sqlitefile.NewWALWiper(write.DB),
		logins:   &logincount.Counter{Now: now, Window: tasks.LoginTestTTL, PerKey: tasks.KeyLoginTTL},
	}
}

// checkErasure returns an error if SQLite would keep erased secrets in its file, or if other users can read the file.
func (d *database) checkErasure(ctx context.Context) error {
	var overwrites int
	var path string
	err := d.read.DB.QueryRowContext(ctx, `SELECT s.secure_delete, l.file FROM pragma_secure_delete s, pragma_database_list l WHERE l.name = 'main'`).
		Scan(&overwrites, &path)
	switch {
	case err != nil:
		return err
	case overwrites != 1:
		return dberr.Public("erased secrets would stay in the file: open it with _pragma=secure_delete(1)")
	case path == "": // a database in memory
		return nil
	}
	_, err = sqlitefile.Find(path)
	return err
}

// BehindPooler returns the same store in the mode of [PoolerTransaction]. Use it if you have opened the Postgres
// yourself, see [New].
func (s *Store) BehindPooler() *Store {
	pooled := *s
	pooled.pooler, pooled.pooled = PoolerTransaction, true
	return &pooled
}

// Pooler returns the kind of pooler that [Open] was given or has detected, or the one of [Store.BehindPooler]. The kind
// "" means unknown.
func (s *Store) Pooler() Pooler { return s.pooler }

// UnverifiedHosts returns the hosts of a PostgreSQL that [Open] may use without verified TLS. Verified means
// sslmode=verify-full or verify-ca. Hosts on loopback and Unix sockets need no TLS.
func (s *Store) UnverifiedHosts() []string { return s.unverified }

// Embedded reports whether the database is an SQLite file.
func (s *Store) Embedded() bool { return s.isSQLite }

// Path returns the path of the SQLite file that [Open] has opened, without symbolic links, or "" for other stores.
func (s *Store) Path() string { return s.path }

// Pools returns the connection pools by name, for example for metrics. A Postgres store has "main"; an
// SQLite store that [Open] has opened has "read" and "write".
func (s *Store) Pools() map[string]*sql.DB {
	if s.read == s.write {
		return map[string]*sql.DB{"main": s.read.DB}
	}
	return map[string]*sql.DB{"read": s.read.DB, "write": s.write.DB}
}

// Close closes the connections that [Open] has opened. On SQLite it first wipes erased secrets from the log. For a
// store of [New] it does nothing.
func (s *Store) Close() error {
	if !s.ownsDB {
		return nil
	}
	wiped := s.wrap("wipe the log", s.wiper.Wipe(context.Background()))
	if s.read == s.write {
		return errors.Join(wiped, s.read.Close())
	}
	return errors.Join(wiped, s.write.Close(), s.read.Close())
}

// In returns a store that works in a transaction of the caller. The transaction must be on the database of the store.
// Changes are durable when the caller commits the transaction. The returned store retries nothing.
//
// On Postgres, the caller must roll back the transaction after an error. In a distributed store, an error can also mean
// that other transactions have changed the same rows.
func (s *Store) In(tx bun.Tx) tasks.Store { return s.session(tx.Tx) }
