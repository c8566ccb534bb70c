package csvfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// Keys reads keys. The first error ends the sequence. The error of an invalid row is a [LineError]. A file can be read
// only once: a second iteration yields [ErrAlreadyRead].
func (f *Reader) Keys() iter.Seq2[keys.Key, error] {
	return values(f.CheckKeys())
}

// CheckKeys reads keys as [Reader.Keys] does, but it continues after an invalid row. The [Result] of the row has the error.
// If the sequence itself yields an error, the sequence ends, because the rest of the file cannot be read.
func (f *Reader) CheckKeys() iter.Seq2[Result[keys.Key], error] {
	return check(f, keyColumns, []string{"code"}, (*row).key)
}

// key reads a row. A key with an invite is a legacy key, and a legacy key is used.
func (r *row) key() keys.Key {
	k := keys.Key{
		Code:          r.code(),
		Status:        r.status(),
		PurchaseDate:  r.time("purchase_date", ParseTime),
		UsedDate:      r.time("used_date", ParseTime),
		OrderID:       r.text("order_id"),
		Invite:        r.text("invite"),
		Address:       r.multiline("address"),
		Username:      r.text("username"),
		VerifyAddress: r.multiline("verify_address"),
		Message:       r.multiline("message"),
		Revoked:       r.flag("revoked", false),
	}
	k.Used = r.flag("used", k.Legacy() || !k.Status.AllowsUsed(false))
	switch {
	case k.Legacy() && !k.Used:
		r.fail("used", "must be 1 or empty: an invite makes a legacy key, which is used")
	case !k.Status.AllowsUsed(k.Used):
		r.fail("status", fmt.Sprintf("%s does not agree with used %s", k.Status, formatBool(k.Used)))
	}
	return k
}

func (r *row) code() keys.Code {
	cell := r.cells[r.columns["code"]]
	code, err := keys.Parse(cell)
	if err != nil {
		r.fail("code", "must be 1 to 128 printable ASCII characters with no space")
	} else if !code.Generated() {
		r.rejectDamaged("code", string(code))
	}
	return code
}

// importableStatuses lists the statuses that an imported key can have: all except in_queue, because a file cannot
// hold an open task.
var importableStatuses = slices.DeleteFunc(keys.Statuses(), func(s keys.Status) bool { return s == keys.InQueue })

// status reads a status. An empty cell means active.
func (r *row) status() keys.Status {
	cell := keys.Status(r.text("status"))
	switch {
	case cell == "":
		return keys.Active
	case slices.Contains(importableStatuses, cell):
		return cell
	}
	r.fail("status", "must be one of "+join(importableStatuses))
	return keys.Active
}

func join[S ~string](all []S) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

// ErrInvalidFile is the error of a dry run that has found errors in the file.
var ErrInvalidFile = errors.New("the file would not be imported")

// A Finder reads keys by their codes, as [tasks.Store.Snapshots] does.
type Finder func(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error)

// DryRun prints all errors that an import of the file would have, and then a summary. It stores nothing. If at least one
// row is invalid, DryRun returns [ErrInvalidFile].
func (f *Reader) DryRun(ctx context.Context, w io.Writer, find Finder) error {
	out, invalid := bufio.NewWriter(w), 0
	rows := 0
	err := f.EachResult(ctx, find, func(row Result[keys.Key]) error {
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

// EachResult checks a file of keys as an import would, and stores nothing. It calls the function report for each row, in
// order. If the code of a row is stored already, the error of the row is [adminstore.ErrExists]. If report returns an
// error, the check ends with that error. If find is nil, no key counts as stored.
//
// EachResult keeps a page of rows in memory, and a 64-bit hash of each code instead of the code. The hashes take a few
// dozen bytes per row. In a file of a million rows, the probability that two codes have the same hash is about one in
// thirty million.
func (f *Reader) EachResult(ctx context.Context, find Finder, report func(Result[keys.Key]) error) error {
	d := &dryRun{report: report, find: find, seed: maphash.MakeSeed(), lines: map[uint64]uint32{}}
	for row, err := range f.CheckKeys() {
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

const dryRunPage = 1000 // the number of rows that are in memory simultaneously

type dryRun struct {
	report func(Result[keys.Key]) error
	find   Finder
	page   []Result[keys.Key]
	seed   maphash.Seed
	lines  map[uint64]uint32 // the line on which a code first occurs, by the code's hash
}

// reportPage reports the rows of the current page and starts the next page.
func (d *dryRun) reportPage(ctx context.Context) error {
	stored, err := d.stored(ctx)
	if err != nil {
		return err
	}
	for _, row := range d.page {
		if row.Err == nil {
			row.Err = d.duplicate(row, stored[row.Value.Code])
		}
		if err := d.report(row); err != nil {
			return err
		}
	}
	d.page = d.page[:0]
	return nil
}

// duplicate returns the error of a valid row whose key is stored already, or whose code occurred on an earlier line. It
// returns nil for any other row.
func (d *dryRun) duplicate(row Result[keys.Key], stored bool) error {
	hash := maphash.String(d.seed, string(row.Value.Code))
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

func (d *dryRun) stored(ctx context.Context) (map[keys.Code]bool, error) {
	if d.find == nil {
		return nil, nil //nolint:nilnil // without find, no key counts as stored
	}
	var codes []keys.Code
	for _, row := range d.page {
		if row.Err == nil {
			codes = append(codes, row.Value.Code)
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
