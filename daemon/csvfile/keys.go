package csvfile

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
)

var keyColumns = []string{
	"code", "purchase_date", "order_id", "used", "used_date", "invite", "address",
	"username", "verify_address", "status", "message", "revoked",
}

// KeyColumns lists the columns of a file of keys, in the order in which [WriteKeys] writes them.
// Only code is required.
func KeyColumns() []string { return slices.Clone(keyColumns) }

// Keys reads keys. The first error ends the sequence; if a line is invalid, it is a [LineError]. A file can
// be read only once: a second iteration yields [ErrAlreadyRead] instead of nothing.
func (f *Reader) Keys() iter.Seq2[keys.Key, error] {
	return func(yield func(keys.Key, error) bool) {
		for row, err := range f.Check() {
			if row.Err != nil {
				err = LineError{row.Line, row.Err}
			}
			if !yield(row.Key, err) || err != nil {
				return
			}
		}
	}
}

// A RowResult is the result of checking one row of a file of keys.
type RowResult struct {
	Line int // the line on which the row begins
	Key  keys.Key
	Err  error // nil: the row is a valid key; never a [LineError]
}

// Check reads keys as [Reader.Keys] does, but it continues after an invalid row. The row's error is in its
// [RowResult]. If the sequence itself yields an error, it ends, because the rest of the file cannot be read.
func (f *Reader) Check() iter.Seq2[RowResult, error] {
	return seq.Map(check(f, keyColumns, []string{"code"}, (*row).key), func(c checked[keys.Key]) RowResult { return RowResult{c.line, c.value, c.err} })
}

// key reads a row. A key with an invite is a legacy key, and a legacy key is used.
func (r *row) key() keys.Key {
	k := keys.Key{
		Code:          r.code(),
		Status:        r.status(),
		PurchaseDate:  r.time("purchase_date"),
		UsedDate:      r.time("used_date"),
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
		r.fail("status", fmt.Sprintf("%s does not agree with used %d", k.Status, digit(k.Used)))
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

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}
