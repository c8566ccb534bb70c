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

// databaseFlag says where the store is.
type databaseFlag struct {
	Database            string `help:"The database: sqlite:PATH or a postgres:// URL." default:"sqlite:keyseat.db" placeholder:"URL" validate:"database"`
	DatabaseDistributed bool   `help:"Do without SKIP LOCKED, and without locks on keys and tasks. Found out where Citus has distributed the tables."`
	DatabasePooler      string `enum:"auto,none,session,transaction" default:"auto" help:"What is between keyseat and PostgreSQL: none, or a pooler in session or transaction mode. Auto finds out."`
	DatabaseConns       int    `default:"16" validate:"min=2,max=10000" placeholder:"N" help:"Most connections of serve to the database. Other commands have 2."`
}

// commandConns is the most connections of a command that does not serve, so that it can connect where
// few are left.
const commandConns = 2

const embedded = "sqlite:"

// isDatabase is the rule "database" of a validate tag.
func isDatabase(f validator.FieldLevel) bool {
	url := f.Field().String()
	path, file := strings.CutPrefix(url, embedded)
	return file && path != "" && path[0] != ':' || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// open does something with a store that is there, its schema brought up to date. An SQLite file is
// not made: a mistyped path would look like an empty store.
func (d databaseFlag) open(ctx context.Context, do func(s *bunstore.Store) error) error {
	if err := d.exists(); err != nil {
		return err
	}
	return d.create(ctx, do)
}

// exists refuses an SQLite file that is not there.
func (d databaseFlag) exists() error {
	if d.missing() {
		return fmt.Errorf("no database at %s: name it with --database, or make it with `keyseatd migrate`", strings.TrimPrefix(d.Database, embedded))
	}
	return nil
}

// missing says whether the database is an SQLite file that is not there.
func (d databaseFlag) missing() bool {
	path, file := strings.CutPrefix(d.Database, embedded)
	_, err := os.Stat(path)
	return file && errors.Is(err, fs.ErrNotExist)
}

// create is [databaseFlag.open] that makes an SQLite file where there is none.
func (d databaseFlag) create(ctx context.Context, do func(s *bunstore.Store) error) error {
	return d.with(ctx, bunstore.Options{Dedicated: true, Conns: commandConns}, do)
}

// with is [databaseFlag.create] with further options.
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
