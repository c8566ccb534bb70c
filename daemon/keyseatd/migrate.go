package main

import (
	"context"
	"errors"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// migrateCmd is the command keyseatd migrate.
type migrateCmd struct {
	databaseFlag

	Shared     bool `help:"Create the tables even if the database holds tables of another program."`
	Distribute bool `help:"Distribute the tables of keys, tasks and history by the key's code, with Citus. Stop every daemon first."`
}

// Help shows examples.
func (*migrateCmd) Help() string {
	return examples("",
		"keyseatd migrate",
		"keyseatd migrate --database postgres://keyseat@127.0.0.1:5432/keyseat",
		"keyseatd migrate --distribute")
}

// Run brings the schema up to date. With --distribute it also distributes the tables.
func (m *migrateCmd) Run(ctx context.Context, c stdio) error {
	return m.openWith(ctx, bunstore.Options{Dedicated: !m.Shared, Conns: commandConns}, func(s *bunstore.Store) error {
		err := c.done("the schema is up to date", "`keyseatd migrate` may be run again")
		if err == nil && m.Distribute {
			err = distribute(ctx, c, s)
		}
		return err
	})
}

// distribute distributes the tables with Citus. It prints which tables are distributed, even if it fails
// for the others.
func distribute(ctx context.Context, c stdio, s *bunstore.Store) error {
	done, err := s.Distribute(ctx)
	result := "the tables were distributed already"
	if len(done) > 0 {
		result = "distributed by the key's code: " + strings.Join(done, ", ")
	}
	if err != nil && len(done) == 0 {
		return err
	}
	return errors.Join(err, c.done(result, "`keyseatd migrate --distribute` may be run again"))
}
