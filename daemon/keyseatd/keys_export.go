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

// Run prints all keys.
func (k *keysExport) Run(ctx context.Context, c console) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		out := bufio.NewWriter(c.out)
		if err := sheet.WriteKeys(out, allKeys(ctx, s), k.Spreadsheet); err != nil {
			return err
		}
		return out.Flush()
	})
}
