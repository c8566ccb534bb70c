package csvfile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"golang.org/x/text/language"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

var planColumns = []string{"id", "country", "address", "invite", "slots", "expires_at"}

// PlanColumns lists the columns of a file of plans. The columns id, country and slots are required.
func PlanColumns() []string { return slices.Clone(planColumns) }

// MaxID is the maximum length of a plan's id, in bytes.
const MaxID = 128

// Plans reads plans, and returns for each plan the edit that imports it. If the file lacks a column, the edits do not
// change the value of that column. The error of an invalid row is a [LineError].
func (f *Reader) Plans() (edits []stock.PlanEdit, _ error) {
	for edit, err := range values(f.CheckPlans()) {
		if err != nil {
			return nil, err
		}
		edits = append(edits, edit)
	}
	return edits, nil
}

// CheckPlans reads plans as [Reader.Plans] does, but it continues after an invalid row. The [Result] of the row has the
// error.
func (f *Reader) CheckPlans() iter.Seq2[Result[stock.PlanEdit], error] {
	return check(f, planColumns, []string{"id", "country", "slots"}, (*row).edit)
}

// PlanEffects lists all results of [PlanEffect], in the order in which a summary shows them.
func PlanEffects() []string { return []string{planNew, planUpdated, planRestocked, planUnchanged} }

const (
	planNew       = "new"
	planUpdated   = "updated"
	planRestocked = "back in stock"
	planUnchanged = "unchanged"
)

// PlanEffect describes the effect of an import on a plan, in words for people. The argument before is the plan before
// the import, or the zero Plan for a new plan. The argument after is the plan after the import. The argument at is the
// current time.
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
		ExpiresAt: optional(r, "expires_at", func(c string) time.Time { return r.time(c, ParseEnd) }),
	}
}

// optional reads a cell, or returns nil if the file lacks the column.
func optional[T any](r *row, column string, read func(string) T) *T {
	if _, found := r.columns[column]; !found {
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

// ValidID reports whether a text can be the id of a plan or a task: 1 to [MaxID] printable ASCII characters with no space.
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

// ParseCountry parses a country code in upper or lower case, with or without white space around it. If the text is a code
// of another standard, such as UK or USA, the error names the right code.
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

// MaxPlanEdits is the number of plans that [Reader.StorePlans] stores in one transaction. A transaction of more plans
// would delay the upgrades in their countries, and could reach the time limit of a store.
const MaxPlanEdits = 2000

// A PlanStore stores plans. It is a part of [adminstore.AdminStore].
type PlanStore interface {
	PlansByID(ctx context.Context, ids []string) ([]stock.Plan, error)
	EditPlans(ctx context.Context, edits []stock.PlanEdit) error
}

// A PlanImport is the result of [Reader.StorePlans].
type PlanImport struct {
	Stored  int            // the number of rows that were stored
	Effects map[string]int // the number of rows of the file with each of the [PlanEffects]
}

// StorePlans stores the plans that [Reader.Plans] has read from the file. It first checks all edits. If an edit is invalid,
// StorePlans stores nothing and returns a [LineError]. It stores [MaxPlanEdits] rows at a time. If storing fails after
// some rows were stored, the error is a [PartError]. Another import of the same file then stores the other rows.
func (f *Reader) StorePlans(ctx context.Context, s PlanStore, edits []stock.PlanEdit, at time.Time) (done PlanImport, err error) {
	rows := make([]Result[stock.PlanEdit], len(edits))
	for i, e := range edits {
		rows[i].Value = e
	}
	n := 0
	done.Effects = map[string]int{}
	err = PreviewPlans(ctx, s, rows, func(row Result[stock.PlanEdit], before, after stock.Plan) error {
		n++
		if row.Err != nil {
			return adminstore.RowError{Row: n, Err: row.Err}
		}
		done.Effects[PlanEffect(before, after, at)]++
		return nil
	})
	if err != nil {
		return done, f.LineOf(err)
	}
	for part := range slices.Chunk(edits, MaxPlanEdits) {
		if err := s.EditPlans(ctx, part); err != nil {
			err = f.LineOf(inFile(err, done.Stored))
			if done.Stored > 0 {
				err = PartError{done.Stored, len(edits), err}
			}
			return done, err
		}
		done.Stored += len(part)
	}
	return done, nil
}

// A PartError is the error of an import that has stored some of its plans.
type PartError struct {
	Stored, All int // numbers of plans; if the connection broke after a commit, the store has more plans than Stored says
	Err         error
}

// Error returns the cause, how many plans are stored, and what to do.
func (e PartError) Error() string { return e.Err.Error() + "; " + e.Advice() }

// Advice returns how many plans are stored, and what to do.
func (e PartError) Advice() string {
	then := "import the same file again"
	if _, is := errors.AsType[LineError](e.Err); is {
		then = "correct the row, and import the file again"
	}
	return fmt.Sprintf("at least the first %d of %d plans are stored: %s", e.Stored, e.All, then)
}

// Unwrap returns the cause.
func (e PartError) Unwrap() error { return e.Err }

// PreviewPlans applies edits to the stored plans, and stores nothing. It calls the function report for each row, in order,
// with the plan before and after the edit. If the row or its edit is invalid, the row has an error, and the two plans are
// equal. If report returns an error, the preview ends with that error.
func PreviewPlans(
	ctx context.Context, s PlanStore, rows []Result[stock.PlanEdit],
	report func(row Result[stock.PlanEdit], before, after stock.Plan) error,
) error {
	plans := map[string]stock.Plan{}
	for part := range slices.Chunk(rows, MaxPlanEdits) {
		var ids []string
		for _, row := range part {
			if _, known := plans[row.Value.ID]; !known {
				ids = append(ids, row.Value.ID)
			}
		}
		found, err := s.PlansByID(ctx, ids)
		if err != nil {
			return err
		}
		for _, p := range found {
			plans[p.ID] = p
		}
		for _, row := range part {
			before := plans[row.Value.ID]
			after := before
			if row.Err == nil {
				after, row.Err = row.Value.Apply(before)
			}
			if err := report(row, before, after); err != nil {
				return err
			}
			plans[row.Value.ID] = after
		}
	}
	return nil
}

// inFile returns an [adminstore.RowError] about a row of a part with the number of that row in the whole file. The
// argument before is the number of rows before the part. Row 0 means that the store does not know the row.
func inFile(err error, before int) error {
	if row, is := errors.AsType[adminstore.RowError](err); is && row.Row > 0 {
		row.Row += before
		return row
	}
	return err
}
