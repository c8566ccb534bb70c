package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
)

// stockCmd is the command keyseatd stock.
type stockCmd struct {
	databaseFlag
	outputFlag
}

// Help explains idle slots and shows examples.
func (*stockCmd) Help() string {
	return examples("Idle slots are free ones of plans that are retired, expired or faulty.",
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
		return list(c.out, k.outputFlag, stockHeader, mapped(each(levels), newStockRow))
	})
}

const stockHeader = "COUNTRY SIZE FREE HELD SPENT SUSPECT IDLE"

// A stockRow is a country's stock, as a row of a list.
type stockRow struct{ view.Level }

func newStockRow(l stock.Level) stockRow { return stockRow{view.Level(l)} }

func (l stockRow) cells() []string {
	return []string{
		string(l.Country), strconv.Itoa(l.Size), strconv.Itoa(l.Free), strconv.Itoa(l.Held),
		strconv.Itoa(l.Spent), strconv.Itoa(l.Suspect), strconv.Itoa(l.Idle),
	}
}
