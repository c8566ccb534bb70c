package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// databaseFlag selects the database.
type databaseFlag struct {
	Database            string `help:"The database: sqlite:PATH or a postgres:// URL." default:"sqlite:keyseat.db" placeholder:"URL" validate:"database"`
	DatabaseDistributed bool   `help:"Do without SKIP LOCKED, and without locks on keys and tasks. Found out where Citus has distributed the tables."`
	DatabasePooler      string `enum:"auto,none,session,transaction" default:"auto" help:"What is between keyseat and PostgreSQL: none, or a pooler in session or transaction mode. Auto finds out."`
	DatabaseConns       int    `default:"16" validate:"min=2,max=10000" placeholder:"N" help:"Most connections of serve to the database. Other commands have 2."`
}

// commandConns is the maximum number of connections of a command other than serve. It is small, so that a
// command can connect when the database has few free connections.
const commandConns = 2

const sqlitePrefix = "sqlite:"

// isDatabase implements the validate rule "database": sqlite:PATH or a postgres:// URL.
func isDatabase(f validator.FieldLevel) bool {
	url := f.Field().String()
	path, file := strings.CutPrefix(url, sqlitePrefix)
	return file && path != "" && path[0] != ':' || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// open calls do with the store of an existing database and migrates its schema first. It does not create
// an SQLite file, because a mistyped path would then look like an empty store.
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

// create works like [databaseFlag.open], but it creates an SQLite file that does not exist.
func (d databaseFlag) create(ctx context.Context, do func(s *bunstore.Store) error) error {
	return d.with(ctx, bunstore.Options{Dedicated: true, Conns: commandConns}, do)
}

// with works like [databaseFlag.create], with further options of the store.
func (d databaseFlag) with(ctx context.Context, o bunstore.Options, do func(s *bunstore.Store) error) error {
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
