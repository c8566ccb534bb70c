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
	Database string `help:"The database: sqlite:PATH or a postgres:// URL." default:"sqlite:keyseat.db" placeholder:"URL" validate:"database"`
}

const embedded = "sqlite:"

// isDatabase is the rule "database" of a validate tag.
func isDatabase(f validator.FieldLevel) bool {
	url := f.Field().String()
	path, file := strings.CutPrefix(url, embedded)
	return file && path != "" && path[0] != ':' || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// open opens a store that is there, its schema brought up to date. An SQLite file is not made:
// a mistyped path would look like an empty store.
func (d databaseFlag) open(ctx context.Context) (*bunstore.Store, error) {
	if path, file := strings.CutPrefix(d.Database, embedded); file {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no database at %s", path)
		}
	}
	return d.create(ctx)
}

// create opens a store, its schema brought up to date, and makes an SQLite file that is not there.
func (d databaseFlag) create(ctx context.Context) (*bunstore.Store, error) {
	return openStore(ctx, d.Database)
}
