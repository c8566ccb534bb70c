package main

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// keysRevoke is the command keyseatd keys revoke.
type keysRevoke struct {
	databaseFlag
	Code string `arg:"" help:"The key's code."`
}

// Help shows an example.
func (*keysRevoke) Help() string {
	return examples("", "keyseatd keys revoke 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN")
}

// Run revokes the key.
func (k *keysRevoke) Run(ctx context.Context, c stdio) error {
	err := k.open(ctx, func(s *bunstore.Store) error { return updateKey(ctx, s, k.Code, tasks.Revoke) })
	if err != nil {
		return err
	}
	return c.done("the key is revoked", hintKey+", `keyseatd keys restore` takes this back")
}
