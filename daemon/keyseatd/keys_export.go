package main

import (
	"bufio"
	"context"
	"fmt"
	"iter"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
)

// keysExport is the command keyseatd keys export.
type keysExport struct {
	databaseFlag
	Batch       string `help:"Only the keys of this import or generation." placeholder:"ID" validate:"text"`
	Spreadsheet bool   `help:"Make it safe to open in a spreadsheet, instead of fit to import."`
}

// Help explains --spreadsheet and shows examples.
func (*keysExport) Help() string {
	return examples("With --spreadsheet, cells that a spreadsheet would change begin with an apostrophe: formulas, numbers with leading "+
		"zeros or many digits, dates. Such a file has one more column and cannot be imported.",
		"keyseatd keys export > keys.csv", "keyseatd keys export --spreadsheet > keys-to-look-at.csv",
		"keyseatd keys export --batch K7QZ3M2XW5R6T4B3NHJ5VCEDYA")
}

// Run prints the keys as CSV.
func (k *keysExport) Run(ctx context.Context, c stdio) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		found, err := k.keys(ctx, s)
		if err != nil {
			return err
		}
		all, done := countRows(c, "exporting", found)
		defer done()
		out := bufio.NewWriter(c.out)
		if err := csvfile.WriteKeys(out, all, k.Spreadsheet); err != nil {
			return err
		}
		return out.Flush()
	})
}

// keys returns the keys of the batch, or all keys without --batch. A batch without keys is an error,
// because the id is probably mistyped.
func (k *keysExport) keys(ctx context.Context, s *bunstore.Store) (iter.Seq2[keys.Key, error], error) {
	if k.Batch == "" {
		return allKeys(ctx, s), nil
	}
	all, err := s.Batch(ctx, k.Batch)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no keys are of batch %s", k.Batch)
	}
	return each(all), err
}
