package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
)

// Open opens a database. The URL has one of these forms:
//
//	sqlite:PATH        an SQLite file; Open creates a missing file
//	postgres://…       a PostgreSQL server, or several hosts
//	postgresql://…     the same
//
// Of several hosts Open uses the host that accepts writes. With [PoolerAuto] Open connects to a Postgres; otherwise the
// first statement connects. [Store.Migrate] creates the tables. The errors of Open never contain the URL, because it
// may contain a password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, o.filled())
	case "postgres", "postgresql":
		return openPostgres(ctx, url, o.filled())
	}
	return nil, errors.New("a database URL begins with sqlite: or postgres://")
}

func openPostgres(ctx context.Context, url string, o Options) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, dberr.DescribeURL(err)
	}
	d := postgresDatabase(nil, o.Distributed)
	pool, err := pgxconn.Open(ctx, config, string(o.Pooler), sessionSettings(o.Distributed))
	if err != nil {
		return nil, d.wrap("connect", err)
	}
	pool.SetMaxOpenConns(o.Conns)
	pool.SetMaxIdleConns(o.Conns)
	pool.SetConnMaxIdleTime(idleTime)
	d.read = bun.NewDB(pool.DB, pgdialect.New())
	d.write = d.read
	s := &Store{
		database: d, ownsDB: true, multiHost: pool.MultiHost, dedicated: o.Dedicated,
		pooler: Pooler(pool.Pooler), unverified: unverifiedHosts(config),
	}
	if s.pooler == PoolerTransaction {
		return s.BehindPooler(), nil
	}
	return s, nil
}

// unverifiedHosts returns the hosts on other machines to which pgx may connect without TLS that verifies the server.
func unverifiedHosts(config *pgx.ConnConfig) (hosts []string) {
	tries := []*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}
	for _, c := range append(tries, config.Fallbacks...) {
		network, _ := pgconn.NetworkAddress(c.Host, c.Port)
		ip, err := netip.ParseAddr(c.Host)
		local := network == "unix" || c.Host == "localhost" || err == nil && ip.Unmap().IsLoopback()
		verified := c.TLSConfig != nil && (!c.TLSConfig.InsecureSkipVerify || c.TLSConfig.VerifyPeerCertificate != nil)
		if !local && !verified && !slices.Contains(hosts, c.Host) {
			hosts = append(hosts, c.Host)
		}
	}
	return hosts
}

// idleTime is the time after which an idle connection is closed. A server or a pooler has few connections, and other
// processes, such as a command of an operator, may wait for one.
const idleTime = 10 * time.Second

// sessionSettings returns the SQL that sets up a session. The settings are not parameters of the connection, because
// poolers refuse unknown parameters. They override settings of the database or the role, such as the isolation level.
//
// Timeouts:
//
//   - idle_in_transaction_session_timeout ends the transaction of a stopped process, which would keep rows locked.
//   - lock_timeout ends the wait for a locked row, because all changes of a batch wait together. Transactions are
//     short, so a longer wait means that a process is stopped.
//
// Plans: the server plans a prepared statement once (a generic plan), because planning takes longer than running these
// statements. The tables may have been empty then, so the settings exclude plans that are good only for empty tables:
//
//   - enable_seqscan is off, so that the server uses an index wherever one exists.
//   - enable_bitmapscan is off, so that a query for the first few rows does not sort a whole index.
//   - enable_memoize is off, because no statement looks up the same row twice.
//   - jit is off. With enable_seqscan off, an unavoidable sequential scan has a huge estimated cost. Because of that
//     cost the server would compile the statement, which takes longer than running it.
func sessionSettings(isDistributed bool) string {
	plans := "SET plan_cache_mode = force_generic_plan"
	if isDistributed {
		plans = distributedSettings
	}
	return `
		SET IntervalStyle = postgres;
		SET default_transaction_isolation = 'read committed';
		SET idle_in_transaction_session_timeout = '10s';
		SET lock_timeout = '2s';
		` + plans + `;
		SET enable_seqscan = off;
		SET enable_bitmapscan = off;
		SET enable_memoize = off;
		SET jit = off`
}

func openSQLite(ctx context.Context, path string, o Options) (*Store, error) {
	if o.Distributed {
		return nil, errNotPostgres
	}
	if path == "" || strings.HasPrefix(path, ":") {
		return nil, errors.New("sqlite: needs a file path, such as sqlite:keyseat.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, err := findFile(ctx, path)
	if err != nil {
		return nil, sqliteDialect(nil, path).wrap("open", err)
	}
	path = file.Path
	connector, err := sqlite.NewConnector(dsn(path, o))
	if err != nil {
		return nil, sqliteDialect(nil, path).wrap("open", err)
	}
	read, write := newPool(connector, o.Conns), newPool(connector, 1)
	s := sqliteStore(read, write, o.Now, path)
	s.stmts = &stmtCache{prepared: map[string]*sql.Stmt{}}
	s.ownsDB, s.dedicated = true, o.Dedicated
	s.disk.File.Store(file)
	if o.Dedicated { // the check comes before the first write
		var now schema
		if now, err = s.reader().schema(ctx); err == nil {
			err = s.checkNotForeign(ctx, now)
		}
	}
	if err == nil {
		err = s.enableWAL(ctx, path)
	}
	if err != nil {
		return nil, errors.Join(s.wrap("open", err), write.Close(), read.Close())
	}
	return s, nil
}

// findFile finds or creates the file of an SQLite database. It returns an error if the file is not safe to open.
func findFile(ctx context.Context, path string) (*sqlitefile.File, error) {
	if err := sqlitefile.Create(path); err != nil {
		return nil, err
	}
	file, err := sqlitefile.Find(path)
	if err == nil {
		err = sqlitefile.CheckLeftLog(ctx, file.Path)
	}
	return file, err
}

func newPool(to driver.Connector, conns int) *bun.DB {
	db := sql.OpenDB(to)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return bun.NewDB(db, sqlitedialect.New())
}

// dsn returns the data source name: the file and the settings of each connection. A transaction locks the database when
// it begins. Otherwise another process could write between the first read of a transaction and its first write, and
// SQLite would then refuse that write.
func dsn(path string, o Options) string {
	v := url.Values{}
	v.Set("_txlock", "immediate")
	v.Set("_busy_timeout", strconv.FormatInt(o.Busy.Milliseconds(), 10))
	v.Set("_synchronous", "FULL")
	v.Set("_foreign_keys", "on")
	v.Set("_pragma", "secure_delete(1)")
	return sqlitefile.URI(path, v)
}

// enableWAL switches the file to a write-ahead log, so that readers and the writer do not wait for each other. The file
// keeps this mode. Only one process at a time may switch the mode, because otherwise SQLite returns an error.
func (s *Store) enableWAL(ctx context.Context, path string) error {
	return sqlitefile.WithMigrateLock(ctx, path, func() error {
		var mode string
		if err := s.write.DB.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
			return err
		}
		if mode != "wal" {
			return dberr.Public("SQLite WAL mode is not available on this file system: use a local disk")
		}
		return nil
	})
}
