package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
)

// defaultMasterKeyFile returns the default path of the master key file of an SQLite database.
func defaultMasterKeyFile(database string) string { return database + ".master-key" }

// ring opens the master keys. It creates a missing file for an SQLite database only, because daemons that
// share a PostgreSQL database must share the keys.
func (s *serveCmd) ring(ctx context.Context, store *bunstore.Store, log *slog.Logger) (*keyring.Ring, error) {
	if s.MasterKeyFile != "" {
		return keyring.Open(s.MasterKeyFile)
	}
	path := defaultMasterKeyFile(store.Path())
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createMasterKeys(ctx, store, path); err != nil {
			return nil, err
		}
		log.Warn("made a master key file: without it open tasks cannot be carried out, so keep a copy", "file", path)
	}
	return keyring.Open(path)
}

// createMasterKeys creates the file, unless tasks are open. A new key cannot decrypt secrets that were
// encrypted with a lost key.
func createMasterKeys(ctx context.Context, store *bunstore.Store, path string) error {
	sealed, err := neededMasterKeys(ctx, store)
	if err != nil {
		return err
	}
	if ids := slices.Sorted(maps.Keys(sealed)); len(ids) > 0 {
		return fmt.Errorf("there is no %s, and open tasks are sealed with master key %s: put the file with that key there or name it with "+
			"--master-key-file; if the key is lost, `keyseatd master-key add %s` makes another, and those tasks end as failed",
			path, strings.Join(ids, ", "), path)
	}
	database, err := os.Stat(store.Path())
	if err != nil {
		return err
	}
	_, err = keyring.AddFor(path, database)
	return err
}
