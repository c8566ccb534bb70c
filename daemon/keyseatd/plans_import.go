package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/stock"
)

// plansImport is the command keyseatd plans import.
type plansImport struct {
	databaseFlag
	File string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
}

// Help lists the columns and shows examples.
func (*plansImport) Help() string {
	return examples(fmt.Sprintf(csvHelp+"The columns, of which id, country and slots are required: %s. A plan whose id is known is updated, "+
		"an absent column keeps its value, and the plan is back in stock. A date as expires_at lasts until the end of that day in UTC: "+
		"2027-01-31 is the same as 2027-02-01T00:00:00Z.", strings.Join(csvfile.PlanColumns(), ", ")),
		"keyseatd plans import plans.csv",
		`printf 'id,country,slots\np1,US,5\n' | keyseatd plans import -`)
}

// Run imports all plans of the file, or none.
func (p *plansImport) Run(ctx context.Context, c stdio) error {
	edits, table, err := p.read(ctx, c)
	if err != nil {
		return err
	}
	err = p.create(ctx, func(s *bunstore.Store) error { return table.LineOf(s.EditPlans(ctx, edits)) })
	if err != nil {
		return err
	}
	return c.done(fmt.Sprintf("imported: %d plans", len(edits)), hintPlans+", and to import the same file again changes nothing")
}

// read reads the whole file. It runs before the database is created.
func (p *plansImport) read(ctx context.Context, c stdio) ([]stock.PlanEdit, *csvfile.Reader, error) {
	file, err := c.open(ctx, p.File)
	if err != nil {
		return nil, nil, err
	}
	table := csvfile.New(file)
	edits, err := table.Plans()
	return edits, table, errors.Join(err, file.Close())
}
