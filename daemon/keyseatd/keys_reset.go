package main

import (
	"context"
	"fmt"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// keysReset is keyseatd keys reset.
type keysReset struct {
	databaseFlag
	Code string `arg:"" help:"The key's code."`
}

// Run makes the key usable again.
func (k *keysReset) Run(ctx context.Context, c console) error {
	err := k.open(ctx, func(s *bunstore.Store) error { return steerKey(ctx, s, k.Code, tasks.Reset) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "the key is usable again")
	return err
}
