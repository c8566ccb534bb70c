package main

import (
	"context"
	"fmt"
)

// migrateCmd is keyseatd migrate.
type migrateCmd struct {
	databaseFlag
}

// Run brings the schema up to date.
func (m *migrateCmd) Run(ctx context.Context, c console) error {
	s, err := m.create(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = fmt.Fprintln(c.out, "the schema is up to date")
	return err
}
