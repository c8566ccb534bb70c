package main

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// keysRestore is the command keyseatd keys restore.
type keysRestore struct {
	databaseFlag
	Code string `arg:"" help:"The key's code."`
}

// Help shows an example.
func (*keysRestore) Help() string {
	return examples("", "keyseatd keys restore 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN")
}

// Run reverses the revocation of the key.
func (k *keysRestore) Run(ctx context.Context, c stdio) error {
	err := k.open(ctx, func(s *bunstore.Store) error { return updateKey(ctx, s, k.Code, tasks.Restore) })
	if err != nil {
		return err
	}
	return c.done("the key is no longer revoked", hintKey+", `keyseatd keys revoke` takes this back")
}
