package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// keysImport is the command keyseatd keys import.
type keysImport struct {
	databaseFlag
	File   string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
	DryRun bool   `help:"Store nothing. Read the whole file and print every error in it."`
}

// Help lists the columns and shows examples.
func (*keysImport) Help() string {
	return examples(fmt.Sprintf(csvHelp+"The columns, of which only code is required: %s. A date as purchase_date or used_date is the "+
		"first moment of that day in UTC.", strings.Join(csvfile.KeyColumns(), ", ")),
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
	n, batch := 0, adminstore.ImportBatch{Type: tasks.EventImported, Note: actorNote()}
	err = k.create(ctx, func(s *bunstore.Store) error {
		batch.ID = operatorEngine(s).NewID()
		table := csvfile.New(file)
		counted := seq.Map(table.Keys(), func(k keys.Key) keys.Key {
			n++
			return k
		})
		err := table.LineOf(s.ImportKeys(ctx, batch, counted))
		if err == nil {
			c.record(ctx, s, "keys import", slog.Int("count", n))
		}
		return err
	})
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return c.done(fmt.Sprintf("imported: %d keys", n), "`keyseatd keys export --batch "+batch.ID+"` prints them")
}

// dryRun prints the errors that an import of the file would have. It stores nothing. If the SQLite file does not
// exist, no key is stored, and dryRun does not create the file.
func (k *keysImport) dryRun(ctx context.Context, c stdio) error {
	if terminal.Width(c.out) > 0 {
		c.err = io.Discard // a progress bar would mix with the printed errors
	}
	file, err := c.open(ctx, k.File)
	if err != nil {
		return err
	}
	table := csvfile.New(file)
	if k.missing() {
		err = table.DryRun(ctx, c.out, nil)
	} else {
		err = k.open(ctx, func(s *bunstore.Store) error { return table.DryRun(ctx, c.out, s.Snapshots) })
	}
	return errors.Join(err, file.Close())
}

// keysExport is the command keyseatd keys export.
type keysExport struct {
	databaseFlag
	Batch       string `help:"Only the keys of this import or generation." placeholder:"ID" validate:"text"`
	Spreadsheet bool   `help:"Print CSV that is safe to open in a spreadsheet, but cannot be imported."`
}

// Help explains --spreadsheet and shows examples.
func (*keysExport) Help() string {
	return examples("With --spreadsheet, cells that a spreadsheet would change start with an apostrophe: formulas, numbers with leading "+
		"zeros or many digits, and dates. Such a file has one more column and cannot be imported.",
		"keyseatd keys export > keys.csv", "keyseatd keys export --spreadsheet > keys-to-read.csv",
		"keyseatd keys export --batch K7QZ3M2XW5R6T4B3NHJ5VCEDYA")
}

// Run prints the keys as CSV. It logs how many codes it printed, also if it fails.
func (k *keysExport) Run(ctx context.Context, c stdio) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		found, err := k.keys(ctx, s)
		if err != nil {
			return err
		}
		n := 0
		defer func() { c.auditOutput(ctx, s, "keys export", n) }()
		var bar *terminal.Bar
		if terminal.Width(c.out) == 0 { // a bar would mix with rows on a terminal
			bar = terminal.NewRowBar(c.err, "exporting")
		}
		defer bar.Clear()
		found = seq.Map(found, func(k keys.Key) keys.Key {
			n++
			bar.Add(1)
			return k
		})
		out := bufio.NewWriter(c.out)
		if err := csvfile.WriteKeys(out, found, k.Spreadsheet); err != nil {
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
		err = fmt.Errorf("batch %s has no keys", k.Batch)
	}
	return seq.All(all), err
}
