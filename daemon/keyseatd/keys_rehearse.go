package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// errInvalidFile is the error of a dry run that has found errors in the file.
var errInvalidFile = errors.New("the file would not be imported")

// A finder reads keys by their codes, as [tasks.Store.Snapshots] does.
type finder func(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error)

// A dryRun is a dry run of an import. It stores nothing.
//
// In memory it keeps a page of rows, and a 64-bit hash of each row's code instead of the code. That takes
// a few dozen bytes per row. Two of a million rows have the same hash by chance in one of thirty million
// files.
type dryRun struct {
	out    *bufio.Writer
	find   finder
	page   []csvfile.RowResult
	seed   maphash.Seed
	lines  map[uint64]uint32 // the line on which a code first occurs, by the code's hash
	rows   int
	faults int
}

func newDryRun(w io.Writer, find finder) *dryRun {
	return &dryRun{out: bufio.NewWriter(w), find: find, seed: maphash.MakeSeed(), lines: map[uint64]uint32{}}
}

// run prints the line and the error of each invalid row, and then a summary.
func (r *dryRun) run(ctx context.Context, rows iter.Seq2[csvfile.RowResult, error]) error {
	for v, err := range rows {
		if fault := (csvfile.LineError{}); errors.As(err, &fault) {
			v.Line, v.Err, err = fault.Line, fmt.Errorf("%w; nothing after it was read", fault.Err), nil
		}
		if err != nil {
			return err
		}
		if r.page = append(r.page, v); len(r.page) < pageSize {
			continue
		}
		if err := r.checkPage(ctx); err != nil {
			return err
		}
	}
	if err := r.checkPage(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(r.out, "checked: %d rows, %d at fault; nothing was stored\n", r.rows, r.faults) // Flush returns the error
	if err := r.out.Flush(); err != nil || r.faults == 0 {
		return err
	}
	return errInvalidFile
}

// checkPage prints the errors of the current page and starts the next page.
func (r *dryRun) checkPage(ctx context.Context) error {
	found, err := r.existing(ctx)
	if err != nil {
		return err
	}
	for _, v := range r.page {
		r.rows++
		fault := v.Err
		if fault == nil {
			fault = r.conflict(v, found[v.Key.Code])
		}
		if fault == nil {
			continue
		}
		r.faults++
		if _, err := fmt.Fprintf(r.out, "line %d: %v\n", v.Line, fault); err != nil {
			return err
		}
	}
	r.page = r.page[:0]
	return nil
}

// conflict returns the error of a row that is valid by itself: its key exists already, or its code occurred
// on an earlier line.
func (r *dryRun) conflict(v csvfile.RowResult, exists bool) error {
	hash := maphash.String(r.seed, string(v.Key.Code))
	first, twice := r.lines[hash]
	switch {
	case exists:
		return adminstore.ErrExists
	case twice:
		return fmt.Errorf("the code comes on line %d already", first)
	}
	r.lines[hash] = uint32(v.Line)
	return nil
}

// existing returns the codes of the page that are in the store.
func (r *dryRun) existing(ctx context.Context) (map[keys.Code]bool, error) {
	var codes []keys.Code
	for _, v := range r.page {
		if v.Err == nil {
			codes = append(codes, v.Key.Code)
		}
	}
	views, err := r.find(ctx, codes)
	found := map[keys.Code]bool{}
	for _, v := range views {
		if v.Key.Exists() {
			found[v.Key.Code] = true
		}
	}
	return found, err
}
