package main

import (
	"context"
	"fmt"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// migrateCmd is keyseatd migrate.
type migrateCmd struct {
	databaseFlag
}

// Help shows how it is called.
func (*migrateCmd) Help() string {
	return examples("",
		"keyseatd migrate",
		"keyseatd migrate --database postgres://keyseat@127.0.0.1:5432/keyseat")
}

// Run brings the schema up to date.
func (m *migrateCmd) Run(ctx context.Context, c console) error {
	err := m.create(ctx, func(*bunstore.Store) error { return nil })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "the schema is up to date")
	return err
}
