package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/daemon/faultinject"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

type masterKeyCmd struct {
	Add    masterKeyAdd    `cmd:"" help:"Make a new key, the first of FILE."`
	Prune  masterKeyPrune  `cmd:"" help:"Destroy the keys of FILE that nothing stored needs."`
	Rotate masterKeyRotate `cmd:"" help:"Prune FILE, and add a key if the first one is old. For a timer."`
}

type masterKeyAdd struct {
	File string `arg:"" help:"The file of master keys; it is made with mode 0600." validate:"required"`
}

func (m *masterKeyAdd) Run(_ context.Context, c stdio) error {
	id, err := keyring.Add(m.File)
	if err != nil {
		return err
	}
	err = c.printStored("key "+id+" is the first of "+m.File, "it encrypts from now on, and `keyseatd master-key prune` drops it once another is the first", id)
	if err == nil {
		c.hint("This key is the first of " + m.File + ". Keep a copy of the file, apart from the backups of the database.")
	}
	return err
}

type masterKeyPrune struct {
	databaseFlag
	File string `arg:"" help:"The file of master keys." validate:"required"`
}

func (m *masterKeyPrune) Run(ctx context.Context, c stdio) error {
	return m.open(ctx, func(s *bunstore.Store) error {
		done, err := rotateMasterKeys(ctx, s, m.File, 0)
		if err != nil {
			return err
		}
		for _, k := range done.Kept {
			_, _ = fmt.Fprintf(c.err, "kept %s: %s\n", k.ID, k.Reason) // an error does not matter, because the result is on standard output
		}
		stored := fmt.Sprintf("dropped from %s: %d keys (%s)", m.File, len(done.Destroyed), strings.Join(done.Destroyed, ", "))
		return c.printStored(stored, "no open task needs them", done.Destroyed...)
	})
}

type masterKeyRotate struct {
	databaseFlag
	File      string        `arg:"" help:"The file of master keys." validate:"required"`
	KeyPeriod time.Duration `default:"24h" validate:"min=0" placeholder:"24h" help:"Age at which the first key gets a successor. 0: never."`
}

func (m *masterKeyRotate) Run(ctx context.Context, c stdio) error {
	return m.open(ctx, func(s *bunstore.Store) error {
		done, err := rotateMasterKeys(ctx, s, m.File, m.KeyPeriod)
		if err != nil {
			return err
		}
		return c.done(fmt.Sprintf("%s: added [%s], destroyed [%s], %d older keys are in use", m.File, done.Added, strings.Join(done.Destroyed, " "), len(done.Kept)),
			"`keyseatd master-key rotate` may be run again")
	})
}

// rotateMasterKeys rotates the keys in a file of master keys. With period 0 it destroys old keys, but adds no key.
func rotateMasterKeys(ctx context.Context, s *bunstore.Store, file string, period time.Duration) (keyring.Rotated, error) {
	needed, err := neededMasterKeys(ctx, s)
	if err != nil {
		return keyring.Rotated{}, err
	}
	daemons, err := s.Sealings(ctx)
	if err != nil {
		return keyring.Rotated{}, err
	}
	used := map[string]string{}
	for _, d := range daemons {
		if d.Left > 0 {
			used[d.KeyID] = "a daemon encrypts with it (" + d.KeyFile + "): give it the new file, or restart it if it has a copy"
		}
	}
	for id := range needed {
		used[id] = "an open task needs it"
	}
	return keyring.Rotate(file, keyring.Rotation{
		Now: faultinject.Now(), Period: period,
		InUse: func(id string) string { return used[id] },
	})
}

func neededMasterKeys(ctx context.Context, s adminstore.AdminStore) (map[string]bool, error) {
	ids := map[string]bool{}
	for v, err := range listTasks(ctx, s, adminstore.TaskFilter{State: adminstore.OpenTask}, adminstore.Page{Limit: pageSize}) {
		if err != nil {
			return nil, err
		}
		if id, ok := keyring.KeyID(v.Task.Sealed); ok {
			ids[id] = true
		}
	}
	return ids, nil
}

// defaultMasterKeyFile returns the default path of the master key file of an SQLite database. The name of the file does
// not begin with the name of the database, because a copy of keyseat.db* must not contain the keys. Earlier versions made
// the file keyseat.db.master-key. If that file exists, it stays in use.
func defaultMasterKeyFile(database string) string {
	earlier := database + ".master-key"
	if _, err := os.Lstat(earlier); err == nil {
		return earlier
	}
	folder, name := filepath.Split(database)
	return filepath.Join(folder, "master-key-"+strings.ReplaceAll(name, ".", "-"))
}

// ring opens the master keys. It creates a missing file for an SQLite database only, because daemons that
// share a PostgreSQL database must share the keys.
func (s *serveCmd) ring(ctx context.Context, store *bunstore.Store, log *slog.Logger) (*keyring.Ring, error) {
	path := s.masterKeyFile(store)
	if _, err := os.Stat(path); s.MasterKeyFile == "" && errors.Is(err, fs.ErrNotExist) {
		if err := createMasterKeys(ctx, store, path); err != nil {
			return nil, err
		}
		log.Warn("made a master key file. Open tasks need it: keep a copy apart from the backups of the database, and replace the copy when the file changes", "file", path)
	}
	return keyring.Open(path)
}

func (s *serveCmd) masterKeyFile(store *bunstore.Store) string {
	return cmp.Or(s.MasterKeyFile, defaultMasterKeyFile(store.Path()))
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
