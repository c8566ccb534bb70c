package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/stock"
)

// stockCmd is keyseatd stock.
type stockCmd struct {
	databaseFlag
	outputFlag
}

// Run shows the slots of every country that has a plan.
func (k *stockCmd) Run(ctx context.Context, c console) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		levels, err := desk(s).Stock(ctx)
		if err != nil {
			return err
		}
		return list(c.out, k.outputFlag, stockHeader, mapped(each(levels), newLevelLine))
	})
}

const stockHeader = "COUNTRY SIZE FREE HELD SPENT SUSPECT IDLE"

// A levelLine is a country's slots. Idle ones are free, in plans that are out of stock.
type levelLine struct {
	Country stock.Country `json:"country"`
	Size    int           `json:"size"`
	Free    int           `json:"free"`
	Held    int           `json:"held"`
	Spent   int           `json:"spent"`
	Suspect int           `json:"suspect"`
	Idle    int           `json:"idle"`
}

func newLevelLine(l stock.Level) levelLine { return levelLine(l) }

func (l levelLine) cells() []string {
	return []string{
		string(l.Country), strconv.Itoa(l.Size), strconv.Itoa(l.Free), strconv.Itoa(l.Held),
		strconv.Itoa(l.Spent), strconv.Itoa(l.Suspect), strconv.Itoa(l.Idle),
	}
}
