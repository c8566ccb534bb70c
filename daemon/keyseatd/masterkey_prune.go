package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

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
