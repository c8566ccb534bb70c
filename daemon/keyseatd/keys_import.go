package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/sheet"
	"github.com/keyseat/keyseat/keys"
)

// keysImport is keyseatd keys import.
type keysImport struct {
	databaseFlag
	File string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
}

// Help lists the columns.
func (*keysImport) Help() string {
	return fmt.Sprintf("The columns, of which code alone is required: %s.", strings.Join(sheet.KeyColumns(), ", "))
}

// Run imports all keys of the file, or none.
func (k *keysImport) Run(ctx context.Context, c console) error {
	file, err := c.open(k.File)
	if err != nil {
		return err
	}
	n := 0
	err = k.create(ctx, func(s *bunstore.Store) error {
		table := sheet.New(file)
		return table.Locate(s.ImportKeys(ctx, counted(table.Keys(), &n)))
	})
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "imported: %d keys\n", n)
	return err
}

// counted counts the keys that pass.
func counted(all iter.Seq2[keys.Key, error], n *int) iter.Seq2[keys.Key, error] {
	return mapped(all, func(k keys.Key) keys.Key {
		*n++
		return k
	})
}
