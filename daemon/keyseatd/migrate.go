package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// migrateCmd is the command keyseatd migrate.
type migrateCmd struct {
	databaseFlag

	Shared     bool `help:"Create the tables even if the database holds tables of another program."`
	Distribute bool `help:"Distribute the tables of keys, tasks and history by the key's code, with Citus. Stop every daemon first."`
	Shards     int  `placeholder:"N" validate:"min=0,max=64000" help:"With --distribute: the number of shards of each table. The default is two per worker."`
}

// Help shows examples.
func (*migrateCmd) Help() string {
	return examples("",
		"keyseatd migrate",
		"keyseatd migrate --database postgres://keyseat@127.0.0.1:5432/keyseat",
		"keyseatd migrate --distribute --shards 8")
}

// Run brings the schema up to date. With --distribute it also distributes the tables.
func (m *migrateCmd) Run(ctx context.Context, c stdio) error {
	if m.Shards > 0 && !m.Distribute {
		return usageError{errors.New("--shards needs --distribute")}
	}
	return m.openWith(ctx, bunstore.Options{Dedicated: !m.Shared, Conns: commandConns}, func(s *bunstore.Store) error {
		err := c.done("the schema is up to date", "`keyseatd migrate` may be run again")
		if err == nil && m.Distribute {
			err = distribute(ctx, c, s, m.Shards)
		}
		return err
	})
}

// distribute distributes the tables with Citus. It prints which tables are distributed, even if it fails
// for the others.
func distribute(ctx context.Context, c stdio, s *bunstore.Store, shards int) error {
	d, err := s.Distribute(ctx, shards)
	result := "the tables were distributed already"
	if len(d.Tables) > 0 {
		result = "distributed by the key's code: " + strings.Join(d.Tables, ", ")
	}
	if err != nil && len(d.Tables) == 0 {
		return err
	}
	if err == nil {
		result += fmt.Sprintf(": %d shards on %d servers", d.Shards, d.Servers)
	}
	if err == nil && d.Workers == 0 {
		_, _ = fmt.Fprintln(c.err, "warning: every shard is on the coordinator: add workers with citus_add_node, "+
			"then run SELECT citus_rebalance_start()") // the command continues without the warning
	}
	return errors.Join(err, c.done(result, "`keyseatd migrate --distribute` may be run again"))
}
