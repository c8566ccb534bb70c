package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/shown"
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
func (k *stockCmd) Run(ctx context.Context, c console) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		levels, err := engine(s).Stock(ctx)
		if err != nil {
			return err
		}
		return list(c.out, k.outputFlag, stockHeader, mapped(each(levels), newLevelLine))
	})
}

const stockHeader = "COUNTRY SIZE FREE HELD SPENT SUSPECT IDLE"

// A levelLine is a country's stock, as a row of a list.
type levelLine struct{ shown.Level }

func newLevelLine(l stock.Level) levelLine { return levelLine{shown.Level(l)} }

func (l levelLine) cells() []string {
	return []string{
		string(l.Country), strconv.Itoa(l.Size), strconv.Itoa(l.Free), strconv.Itoa(l.Held),
		strconv.Itoa(l.Spent), strconv.Itoa(l.Suspect), strconv.Itoa(l.Idle),
	}
}
