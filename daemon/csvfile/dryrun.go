package csvfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// ErrInvalidFile is the error of a dry run that has found errors in the file.
var ErrInvalidFile = errors.New("the file would not be imported")

// A Finder reads keys by their codes, as [tasks.Store.Snapshots] does.
type Finder func(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error)

// DryRun prints all errors that an import of the file would have, and then a summary. It stores nothing. If
// it has printed an error, it returns [ErrInvalidFile].
func (s *Reader) DryRun(ctx context.Context, w io.Writer, find Finder) error {
	out, invalid := bufio.NewWriter(w), 0
	rows := 0
	err := s.EachResult(ctx, find, func(row RowResult) error {
		rows++
		if row.Err == nil {
			return nil
		}
		invalid++
		_, err := fmt.Fprintf(out, "line %d: %v\n", row.Line, row.Err)
		return err
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "checked: %d rows, %d invalid; nothing was stored\n", rows, invalid) // Flush returns the error
	if err := out.Flush(); err != nil || invalid == 0 {
		return err
	}
	return ErrInvalidFile
}

// EachResult checks a file of keys as an import would, and stores nothing. It calls report for each row, in order. The
// error of a row whose code is stored is [adminstore.ErrExists]. An error of report ends the check.
//
// In memory it keeps a page of rows, and a 64-bit hash of each row's code instead of the code. That takes
// a few dozen bytes per row. Two of a million rows have the same hash by chance in one of thirty million
// files.
func (s *Reader) EachResult(ctx context.Context, find Finder, report func(RowResult) error) error {
	d := &dryRun{report: report, find: find, seed: maphash.MakeSeed(), lines: map[uint64]uint32{}}
	return d.run(ctx, s.Check())
}

// dryRunPage is the number of rows that are in memory simultaneously.
const dryRunPage = 1000

// A dryRun is the state of a dry run.
type dryRun struct {
	report func(RowResult) error
	find   Finder
	page   []RowResult
	seed   maphash.Seed
	lines  map[uint64]uint32 // the line on which a code first occurs, by the code's hash
}

// run reports each row.
func (d *dryRun) run(ctx context.Context, rows iter.Seq2[RowResult, error]) error {
	for row, err := range rows {
		if invalid := (LineError{}); errors.As(err, &invalid) {
			row.Line, row.Err, err = invalid.Line, fmt.Errorf("%w; nothing after it was read", invalid.Err), nil
		}
		if err != nil {
			return err
		}
		if d.page = append(d.page, row); len(d.page) < dryRunPage {
			continue
		}
		if err := d.reportPage(ctx); err != nil {
			return err
		}
	}
	return d.reportPage(ctx)
}

// reportPage reports the rows of the current page and starts the next page.
func (d *dryRun) reportPage(ctx context.Context) error {
	stored, err := d.stored(ctx)
	if err != nil {
		return err
	}
	for _, row := range d.page {
		if row.Err == nil {
			row.Err = d.duplicate(row, stored[row.Key.Code])
		}
		if err := d.report(row); err != nil {
			return err
		}
	}
	d.page = d.page[:0]
	return nil
}

// duplicate returns the error of a row that is valid by itself: its key is stored already, or its code
// occurred on an earlier line.
func (d *dryRun) duplicate(row RowResult, stored bool) error {
	hash := maphash.String(d.seed, string(row.Key.Code))
	first, twice := d.lines[hash]
	switch {
	case stored:
		return adminstore.ErrExists
	case twice:
		return fmt.Errorf("the code comes on line %d already", first)
	}
	d.lines[hash] = uint32(row.Line)
	return nil
}

// stored returns the codes of the page that are in the store.
func (d *dryRun) stored(ctx context.Context) (map[keys.Code]bool, error) {
	if d.find == nil {
		return nil, nil //nolint:nilnil // no key is stored
	}
	var codes []keys.Code
	for _, row := range d.page {
		if row.Err == nil {
			codes = append(codes, row.Key.Code)
		}
	}
	snapshots, err := d.find(ctx, codes)
	stored := map[keys.Code]bool{}
	for _, v := range snapshots {
		if v.Key.Exists() {
			stored[v.Key.Code] = true
		}
	}
	return stored, err
}
