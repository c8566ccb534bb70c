package csvfile

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

var planColumns = []string{"id", "country", "address", "invite", "slots", "expires_at"}

// PlanColumns lists the columns of a file of plans. The columns id, country and slots are required.
func PlanColumns() []string { return slices.Clone(planColumns) }

// MaxID is the maximum length of a plan's id, in bytes.
const MaxID = 128

// Plans reads plans and returns the edit that imports each of them. If the file lacks a column, the edits
// keep its value. If a line is invalid, the error is a [LineError].
func (f *Reader) Plans() (edits []stock.PlanEdit, _ error) {
	for row, err := range f.CheckPlans() {
		if row.Err != nil {
			err = LineError{row.Line, row.Err}
		}
		if err != nil {
			return nil, err
		}
		edits = append(edits, row.Edit)
	}
	return edits, nil
}

// A PlanResult is the result of checking one row of a file of plans.
type PlanResult struct {
	Line int // the line on which the row begins
	Edit stock.PlanEdit
	Err  error // nil: the row is a valid edit; never a [LineError]
}

// CheckPlans reads plans as [Reader.Plans] does, but it continues after an invalid row, as [Reader.Check] does.
func (f *Reader) CheckPlans() iter.Seq2[PlanResult, error] {
	rows := check(f, planColumns, []string{"id", "country", "slots"}, (*row).edit)
	return seq.Map(rows, func(c checked[stock.PlanEdit]) PlanResult { return PlanResult{c.line, c.value, c.err} })
}

// PlanEffects lists the results of [PlanEffect], in the order of a summary.
func PlanEffects() []string { return []string{planNew, planUpdated, planRestocked, planUnchanged} }

const (
	planNew       = "new"
	planUpdated   = "updated"
	planRestocked = "back in stock"
	planUnchanged = "unchanged"
)

// PlanEffect returns what an import does that turns a plan into another one, in words for people. The zero Plan before
// means that the plan is new.
func PlanEffect(before, after stock.Plan, at time.Time) string {
	switch {
	case before.ID == "":
		return planNew
	case !before.Available(at) && after.Available(at):
		return planRestocked
	case before == after:
		return planUnchanged
	}
	return planUpdated
}

func (r *row) edit() stock.PlanEdit {
	return stock.PlanEdit{
		ID:        r.planID(),
		Country:   new(r.country()),
		Size:      new(r.slots()),
		Address:   optional(r, "address", r.multiline),
		Invite:    optional(r, "invite", r.text),
		ExpiresAt: optional(r, "expires_at", r.endTime),
	}
}

// optional reads a cell, or returns nil if the file lacks the column.
func optional[T any](r *row, column string, read func(string) T) *T {
	if !r.has(column) {
		return nil
	}
	return new(read(column))
}

func (r *row) planID() string {
	id := r.text("id")
	if !ValidID(id) {
		r.fail("id", fmt.Sprintf("must be 1 to %d printable ASCII characters with no space", MaxID))
	} else {
		r.rejectDamaged("id", id)
	}
	return id
}

// ValidID reports whether a text can be a plan's id: 1 to [MaxID] printable ASCII characters with no space.
func ValidID(id string) bool {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return id != "" && len(id) <= MaxID
}

func (r *row) country() stock.Country {
	country, err := ParseCountry(r.text("country"))
	if err != nil {
		r.fail("country", err.Error())
	}
	return country
}

var errCountry = errors.New("must be an ISO 3166-1 alpha-2 code (e.g., US)")

// ParseCountry parses a country code in upper or lower case, with or without white space around it. If the text is another
// code of a country, such as UK or USA, the error names the right one.
func ParseCountry(text string) (stock.Country, error) {
	text = keys.Trim(text)
	country, err := stock.ParseCountry(text)
	if err == nil {
		return country, nil
	}
	if region, err := language.ParseRegion(text); err == nil {
		if meant, err := stock.ParseCountry(region.Canonicalize().String()); err == nil {
			return "", fmt.Errorf("%w: the code of %s is %s", errCountry, text, meant)
		}
	}
	return "", errCountry
}

func (r *row) slots() int {
	n, err := strconv.ParseUint(r.text("slots"), 10, 32)
	if err != nil || n > stock.MaxSize {
		r.fail("slots", fmt.Sprintf("must be a number from 0 to %d", stock.MaxSize))
	}
	return int(n)
}

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
