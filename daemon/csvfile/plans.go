package csvfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"golang.org/x/text/language"

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
func (f *Reader) Plans() ([]stock.PlanEdit, error) {
	r, err := f.begin(planColumns, []string{"id", "country", "slots"})
	if err != nil {
		return nil, err
	}
	var edits []stock.PlanEdit
	for {
		err := f.next(r)
		if errors.Is(err, io.EOF) {
			return edits, nil
		}
		if err != nil {
			return nil, err
		}
		edit := r.edit()
		if r.err != nil {
			return nil, r.err
		}
		edits = append(edits, edit)
	}
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

// ParseCountry parses a country code in upper or lower case, with or without white space around it. The error of another
// code of a country, such as UK or USA, names the right one.
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
