package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/stock"
)

// stockCmd is the command keyseatd stock.
type stockCmd struct {
	databaseFlag
	outputFlag
}

// Help explains idle slots and shows examples.
func (*stockCmd) Help() string {
	return examples("Idle slots are free slots of plans that are retired, expired or faulty.",
		"keyseatd stock",
		"keyseatd stock --output json")
}

// Run prints the slots of every country with a plan.
func (k *stockCmd) Run(ctx context.Context, c stdio) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		levels, err := operatorEngine(s).Stock(ctx)
		if err != nil {
			return err
		}
		views := seq.Map(seq.All(levels), func(l stock.Level) view.Level { return view.Level(l) })
		return terminal.PrintList(c.out, k.Output, stockTable, views)
	})
}

var stockTable = terminal.Layout[view.Level]{
	Header: "COUNTRY SIZE FREE HELD SPENT SUSPECT IDLE",
	Cells: func(l view.Level) []string {
		return []string{
			string(l.Country), strconv.Itoa(l.Size), strconv.Itoa(l.Free), strconv.Itoa(l.Held),
			strconv.Itoa(l.Spent), strconv.Itoa(l.Suspect), strconv.Itoa(l.Idle),
		}
	},
}
