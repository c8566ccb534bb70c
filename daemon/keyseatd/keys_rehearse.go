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
)

// errFaults is what a file with faults comes to.
var errFaults = errors.New("the file would not be imported")

// A finder reads keys by their codes: [tasks.Store.Snapshots].
type finder func(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error)

// A rehearsal is an import that only looks. It keeps a page of rows, and for each row of the file a
// hash of its code instead of the code itself, some tens of bytes: of a million rows two have the same by
// chance once in thirty million files.
type rehearsal struct {
	out    *bufio.Writer
	find   finder
	page   []csvfile.RowResult
	seed   maphash.Seed
	lines  map[uint64]uint32 // on which a code came first
	rows   int
	faults int
}

func newRehearsal(w io.Writer, find finder) *rehearsal {
	return &rehearsal{out: bufio.NewWriter(w), find: find, seed: maphash.MakeSeed(), lines: map[uint64]uint32{}}
}

// run prints each faulty row's line and fault, and a summary.
func (r *rehearsal) run(ctx context.Context, rows iter.Seq2[csvfile.RowResult, error]) error {
	for v, err := range rows {
		if fault := (csvfile.LineError{}); errors.As(err, &fault) {
			v.Line, v.Fault, err = fault.Line, fmt.Errorf("%w; nothing after it was read", fault.Err), nil
		}
		if err != nil {
			return err
		}
		if r.page = append(r.page, v); len(r.page) < pageSize {
			continue
		}
		if err := r.turn(ctx); err != nil {
			return err
		}
	}
	if err := r.turn(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(r.out, "checked: %d rows, %d at fault; nothing was stored\n", r.rows, r.faults) // Flush tells
	if err := r.out.Flush(); err != nil || r.faults == 0 {
		return err
	}
	return errFaults
}

// turn prints the faults of a page and begins another.
func (r *rehearsal) turn(ctx context.Context) error {
	found, err := r.existing(ctx)
	if err != nil {
		return err
	}
	for _, v := range r.page {
		r.rows++
		fault := v.Fault
		if fault == nil {
			fault = r.fault(v, found[v.Key.Code])
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

// fault says what is wrong with a key that stands well in the file.
func (r *rehearsal) fault(v csvfile.RowResult, exists bool) error {
	hash := maphash.String(r.seed, string(v.Key.Code))
	first, twice := r.lines[hash]
	switch {
	case exists:
		return tasks.ErrExists
	case twice:
		return fmt.Errorf("the code comes on line %d already", first)
	}
	r.lines[hash] = uint32(v.Line)
	return nil
}

// existing are the codes of the page that are stored.
func (r *rehearsal) existing(ctx context.Context) (map[keys.Code]bool, error) {
	var codes []keys.Code
	for _, v := range r.page {
		if v.Fault == nil {
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
