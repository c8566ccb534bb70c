package main

import (
	"bufio"
	"context"

	"github.com/keyseat/keyseat/daemon/sheet"
)

// keysExport is keyseatd keys export.
type keysExport struct {
	databaseFlag
	Spreadsheet bool `help:"Make it safe to open in a spreadsheet, instead of fit to import."`
}

// Run prints all keys.
func (k *keysExport) Run(ctx context.Context, c console) error {
	s, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	out := bufio.NewWriter(c.out)
	if err := sheet.WriteKeys(out, allKeys(ctx, s), k.Spreadsheet); err != nil {
		return err
	}
	return out.Flush()
}
