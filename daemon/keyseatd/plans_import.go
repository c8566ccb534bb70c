package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/keyseat/keyseat/daemon/sheet"
)

// plansImport is keyseatd plans import.
type plansImport struct {
	databaseFlag
	File string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
}

// Help lists the columns.
func (*plansImport) Help() string {
	return fmt.Sprintf("The columns, of which id, country and slots are required: %s.", strings.Join(sheet.PlanColumns(), ", "))
}

// Run imports all plans of the file, or none.
func (p *plansImport) Run(ctx context.Context, c console) error {
	file, err := c.open(p.File)
	if err != nil {
		return err
	}
	defer file.Close()
	table := sheet.New(file)
	edits, err := table.Edits()
	if err != nil {
		return err
	}
	s, err := p.create(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := table.Locate(s.EditPlans(ctx, edits)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "imported: %d plans\n", len(edits))
	return err
}
