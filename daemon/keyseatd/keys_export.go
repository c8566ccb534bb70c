package main

import (
	"bufio"
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/sheet"
)

// keysExport is keyseatd keys export.
type keysExport struct {
	databaseFlag
	Spreadsheet bool `help:"Make it safe to open in a spreadsheet, instead of fit to import."`
}

// Help shows how it is called.
func (*keysExport) Help() string {
	return examples("", "keyseatd keys export > keys.csv", "keyseatd keys export --spreadsheet > keys-to-look-at.csv")
}

// Run prints all keys.
func (k *keysExport) Run(ctx context.Context, c console) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		all, done := counting(c, "exporting", allKeys(ctx, s))
		defer done()
		out := bufio.NewWriter(c.out)
		if err := sheet.WriteKeys(out, all, k.Spreadsheet); err != nil {
			return err
		}
		return out.Flush()
	})
}
