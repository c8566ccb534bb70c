package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"

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
		all := listKeys(ctx, s, adminstore.KeyFilter{}, adminstore.Page{Limit: pageSize})
		return seq.Map(all, func(v tasks.Snapshot) keys.Key { return v.Key }), nil
	}
	all, err := s.Batch(ctx, k.Batch)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("batch %s has no keys", k.Batch)
	}
	return seq.All(all), err
}
