package main

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// keysReset is the command keyseatd keys reset.
type keysReset struct {
	databaseFlag
	Code string `arg:"" help:"The key's code."`
}

// Help explains the command and shows an example.
func (*keysReset) Help() string {
	return examples("What support does for a key of the old system. Only an open task must end first.",
		"keyseatd keys reset 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN")
}

// Run makes the key usable again.
func (k *keysReset) Run(ctx context.Context, c stdio) error {
	err := k.open(ctx, func(s *bunstore.Store) error { return updateKey(ctx, s, k.Code, tasks.Reset) })
	if err != nil {
		return err
	}
	return c.done("the key is usable again", hintKey)
}
