package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// keysImport is the command keyseatd keys import.
type keysImport struct {
	databaseFlag
	File   string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
	DryRun bool   `help:"Store nothing: read the whole file and tell every fault in it."`
}

// Help lists the columns and shows examples.
func (*keysImport) Help() string {
	return examples(fmt.Sprintf(csvHelp+"The columns, of which code alone is required: %s. A date as purchase_date or used_date is the "+
		"midnight in UTC with which that day begins.", strings.Join(csvfile.KeyColumns(), ", ")),
		"keyseatd keys import --dry-run keys.csv",
		"keyseatd keys import keys.csv",
		"ssh old-shop cat keys.csv | keyseatd keys import -")
}

// csvHelp describes the format of a CSV file.
const csvHelp = "The file is CSV in UTF-8 or UTF-16, separated by commas, semicolons or tabs. "

// Run imports all keys of the file, or none.
func (k *keysImport) Run(ctx context.Context, c stdio) error {
	if k.DryRun {
		return k.dryRun(ctx, c)
	}
	file, err := c.open(ctx, k.File)
	if err != nil {
		return err
	}
	n, batch := 0, adminstore.ImportBatch{Type: tasks.EventImported}
	err = k.create(ctx, func(s *bunstore.Store) error {
		table := csvfile.New(file)
		batch.ID = operatorEngine(s).NewID()
		return table.LineOf(s.ImportKeys(ctx, batch, counted(table.Keys(), &n)))
	})
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return c.done(fmt.Sprintf("imported: %d keys", n), "`keyseatd keys export --batch "+batch.ID+"` prints them")
}

// counted yields the keys of all and counts them in n.
func counted(all iter.Seq2[keys.Key, error], n *int) iter.Seq2[keys.Key, error] {
	return mapped(all, func(k keys.Key) keys.Key {
		*n++
		return k
	})
}

// dryRun prints the errors that an import of the file would have. It stores nothing.
func (k *keysImport) dryRun(ctx context.Context, c stdio) error {
	if terminalWidth(c.out) > 0 {
		c.err = io.Discard // a progress bar would mix with the printed errors
	}
	file, err := c.open(ctx, k.File)
	if err != nil {
		return err
	}
	err = k.withFinder(ctx, func(find finder) error {
		return newDryRun(c.out, find).run(ctx, csvfile.New(file).Check())
	})
	return errors.Join(err, file.Close())
}

// withFinder calls do with a function that reads keys. If the SQLite file does not exist, the function finds no
// keys, and peek does not create the file.
func (k *keysImport) withFinder(ctx context.Context, do func(finder) error) error {
	if k.missing() {
		return do(func(context.Context, []keys.Code) ([]tasks.Snapshot, error) { return nil, nil })
	}
	return k.open(ctx, func(s *bunstore.Store) error { return do(s.Snapshots) })
}
