package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/faultinject"
)

type databaseFlag struct {
	Database            string `help:"The database: sqlite:PATH or a postgres:// URL." default:"sqlite:keyseat.db" placeholder:"URL" validate:"database"`
	DatabaseDistributed bool   `help:"Do without SKIP LOCKED, and without locks on keys and tasks. Detected if Citus has distributed the tables."`
	DatabasePooler      string `enum:"auto,none,session,transaction" default:"auto" help:"What is between keyseat and PostgreSQL: none, or a pooler in session or transaction mode. Auto detects it."`
	DatabaseConns       int    `default:"16" validate:"min=2,max=10000" placeholder:"N" help:"The maximum of connections of serve to the database. Other commands have 2."`
}

// databaseList has the flags of a command that prints a list from the database.
type databaseList struct {
	databaseFlag
	outputFlag
}

// commandConns is the maximum number of connections of a command other than serve. It is small, so that a
// command can connect when the database has few free connections.
const commandConns = 2

// open opens an existing database, migrates its schema, and calls the function do with the store. It does not create an
// SQLite file, because a mistyped path would then look like an empty store.
func (d databaseFlag) open(ctx context.Context, do func(s *bunstore.Store) error) error {
	if err := d.exists(); err != nil {
		return err
	}
	return d.create(ctx, do)
}

// exists returns an error if the database is an SQLite file that does not exist.
func (d databaseFlag) exists() error {
	if d.missing() {
		return fmt.Errorf("no database at %s: name it with --database, or make it with `keyseatd migrate`", strings.TrimPrefix(d.Database, sqlitePrefix))
	}
	return nil
}

// missing reports whether the database is an SQLite file that does not exist.
func (d databaseFlag) missing() bool {
	path, file := strings.CutPrefix(d.Database, sqlitePrefix)
	_, err := os.Stat(path)
	return file && errors.Is(err, fs.ErrNotExist)
}

// change opens an existing database, and calls the function do, which makes a change in the database. Then it calls
// [stdio.done] with stored and remedy.
func (d databaseFlag) change(ctx context.Context, c stdio, stored, remedy string, do func(s *bunstore.Store) error) error {
	if err := d.open(ctx, do); err != nil {
		return err
	}
	return c.done(stored, remedy)
}

// create works like [databaseFlag.open], but it creates an SQLite file that does not exist.
func (d databaseFlag) create(ctx context.Context, do func(s *bunstore.Store) error) error {
	return d.openWith(ctx, bunstore.Options{Dedicated: true, Conns: commandConns}, do)
}

// openWith works like [databaseFlag.create], but opens the store with the given options.
func (d databaseFlag) openWith(ctx context.Context, o bunstore.Options, do func(s *bunstore.Store) error) error {
	o.Distributed, o.Pooler = d.DatabaseDistributed, bunstore.Pooler(d.DatabasePooler)
	s, err := openStore(ctx, d.Database, o)
	if err != nil {
		return err
	}
	err, closed := do(s), s.Close() //nolint:contextcheck // closing must not be cut short
	if err == nil && closed != nil {
		return fmt.Errorf("the command has done its work, but closing the database failed: %w", closed)
	}
	return errors.Join(err, closed)
}

// openStore opens a database and migrates its schema. If Citus has distributed the tables, openStore opens the database
// again with Options.Distributed. Therefore --database-distributed is not required.
func openStore(ctx context.Context, url string, o bunstore.Options) (*bunstore.Store, error) {
	if o.Now == nil {
		o.Now = faultinject.Now
	}
	store, err := bunstore.Open(ctx, url, o)
	if err != nil {
		return nil, err
	}
	switch err := store.Migrate(ctx); {
	case err == nil:
		return store, nil
	case errors.Is(err, bunstore.ErrDistributed):
		_ = store.Close() //nolint:contextcheck // closing must not be cut short; nothing was written
		o.Distributed = true
		return openStore(ctx, url, o)
	default:
		return nil, errors.Join(err, store.Close()) //nolint:contextcheck // closing must not be cut short
	}
}

// logDurability logs a warning for each database setting that puts accepted data at risk. The daemon starts
// nevertheless.
func logDurability(ctx context.Context, store *bunstore.Store, log *slog.Logger) {
	risks, err := store.DurabilityRisks(ctx)
	if err != nil {
		log.WarnContext(ctx, "cannot check whether the database is durable", "error", err)
	}
	for _, r := range risks {
		log.WarnContext(ctx, "the database is not durable", "setting", r.Setting, "value", r.Value, "means", r.Means)
	}
}

// unverifiedTLS explains in a warning the risk of a connection to PostgreSQL without verified TLS.
const unverifiedTLS = "whoever can change the network between can read and change everything: add sslmode=verify-full to the database's URL"

// logTransport logs a warning if the connections to PostgreSQL do not use verified TLS.
func logTransport(ctx context.Context, store *bunstore.Store, log *slog.Logger) {
	if hosts := store.UnverifiedHosts(); len(hosts) > 0 {
		log.WarnContext(ctx, "the connection to PostgreSQL does not need verified TLS", "hosts", hosts, "means", unverifiedTLS)
	}
}

// printTransport prints the warning of [logTransport] for an operator.
func printTransport(store *bunstore.Store, to io.Writer) {
	if hosts := store.UnverifiedHosts(); len(hosts) > 0 {
		_, _ = fmt.Fprintf(to, "warning: the connection to %s does not need verified TLS: %s\n", strings.Join(hosts, ", "), unverifiedTLS) // a warning that cannot be written does not fail the command
	}
}

// printDurability prints the warnings of [logDurability] for an operator. The command "keyseatd doctor" does not count
// them as findings, because the stored data is consistent.
func printDurability(ctx context.Context, store *bunstore.Store, to io.Writer) error {
	risks, err := store.DurabilityRisks(ctx)
	for _, r := range risks {
		_, _ = fmt.Fprintf(to, "warning: the database is not durable: %s is %q: %s\n", r.Setting, r.Value, r.Means) // a warning that cannot be written does not fail the command
	}
	return err
}

type migrateCmd struct {
	databaseFlag

	Shared     bool `help:"Create the tables even if the database holds tables of another program."`
	Distribute bool `help:"Distribute the tables of keys, tasks and history by the key's code, with Citus. Stop every daemon first."`
	Shards     int  `placeholder:"N" validate:"min=0,max=64000" help:"With --distribute: the number of shards of each table. The default is two per worker."`
}

// Run brings the schema up to date. With --distribute it also distributes the tables.
func (m *migrateCmd) Run(ctx context.Context, c stdio) error {
	if m.Shards > 0 && !m.Distribute {
		return usageError{errors.New("--shards needs --distribute")}
	}
	return m.openWith(ctx, bunstore.Options{Dedicated: !m.Shared, Conns: commandConns}, func(s *bunstore.Store) error {
		err := c.done("the schema is up to date", "`keyseatd migrate` may be run again")
		if err == nil && m.Distribute {
			err = distribute(ctx, c, s, m.Shards)
		}
		return err
	})
}

// distribute distributes the tables with Citus. It prints which tables it has distributed, even if it fails for other
// tables.
func distribute(ctx context.Context, c stdio, s *bunstore.Store, shards int) error {
	d, err := s.Distribute(ctx, shards)
	result := "the tables were distributed already"
	if len(d.Tables) > 0 {
		result = "distributed by the key's code: " + strings.Join(d.Tables, ", ")
	}
	if err != nil && len(d.Tables) == 0 {
		return err
	}
	if err == nil {
		result += fmt.Sprintf(": %d shards on %d servers", d.Shards, d.Servers)
	}
	if err == nil && d.Workers == 0 {
		_, _ = fmt.Fprintln(c.err, "warning: every shard is on the coordinator: add workers with citus_add_node, "+
			"then run SELECT citus_rebalance_start()") // a warning that cannot be written does not fail the command
	}
	return errors.Join(err, c.done(result, "`keyseatd migrate --distribute` may be run again"))
}
