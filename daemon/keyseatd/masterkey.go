package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// masterKeyCmd groups the commands on the file of master keys.
type masterKeyCmd struct {
	Add   masterKeyAdd   `cmd:"" help:"Make a new key, the first of FILE."`
	Prune masterKeyPrune `cmd:"" help:"Drop the keys of FILE that nothing stored needs."`
}

// masterKeyAdd is the command keyseatd master-key add.
type masterKeyAdd struct {
	File string `arg:"" help:"The file of master keys; it is made with mode 0600." validate:"required"`
}

// Help explains the effect of a new key and shows an example.
func (*masterKeyAdd) Help() string {
	return examples("The new key encrypts from now on, the others still decrypt. A daemon reads the file again when it has changed.",
		"keyseatd master-key add master.key")
}

// Run adds a key to the file and prints its id.
func (m *masterKeyAdd) Run(_ context.Context, c stdio) error {
	id, err := keyring.Add(m.File)
	if err != nil {
		return err
	}
	return c.printStored("key "+id+" is the first of "+m.File, "it encrypts from now on, and `keyseatd master-key prune` drops it once another is the first", func(w io.Writer) error {
		_, err := fmt.Fprintln(w, id)
		return err
	})
}

// masterKeyPrune is the command keyseatd master-key prune.
type masterKeyPrune struct {
	databaseFlag
	File string `arg:"" help:"The file of master keys." validate:"required"`
}

// Help shows an example.
func (*masterKeyPrune) Help() string {
	return examples("", "keyseatd master-key prune master.key")
}

// Run removes the keys that no open task needs from the file, and prints their ids.
func (m *masterKeyPrune) Run(ctx context.Context, c stdio) error {
	return m.open(ctx, func(s *bunstore.Store) error {
		needed, err := neededMasterKeys(ctx, s)
		if err != nil {
			return err
		}
		dropped, err := keyring.Prune(m.File, func(id string) bool { return needed[id] })
		if err != nil {
			return err
		}
		stored := fmt.Sprintf("dropped from %s: %d keys (%s)", m.File, len(dropped), strings.Join(dropped, ", "))
		return c.printStored(stored, "no open task needs them", func(w io.Writer) error {
			for _, id := range dropped {
				if _, err := fmt.Fprintln(w, id); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// neededMasterKeys returns the ids of the master keys that open tasks need.
func neededMasterKeys(ctx context.Context, s adminstore.AdminStore) (map[string]bool, error) {
	ids := map[string]bool{}
	for v, err := range allTasks(ctx, s, adminstore.OpenTask) {
		if err != nil {
			return nil, err
		}
		if id, ok := keyring.KeyID(v.Task.Sealed); ok {
			ids[id] = true
		}
	}
	return ids, nil
}

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
