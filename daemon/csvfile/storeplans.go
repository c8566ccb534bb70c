package csvfile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

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
	Stored  int            // rows
	Effects map[string]int // the number of rows with each of the [PlanEffects]
}

// StorePlans stores the plans that [Reader.Plans] has read from the file. It first checks all of them, and stores nothing
// if one is invalid: the error is then a [LineError]. It stores [MaxPlanEdits] rows at a time. If it fails after some of
// them, the error is a [PartError]. Another import of the file then stores the others.
func (f *Reader) StorePlans(ctx context.Context, s PlanStore, edits []stock.PlanEdit, at time.Time) (done PlanImport, err error) {
	if done.Effects, err = previewPlans(ctx, s, edits, at); err != nil {
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
	Stored, All int // plans; more are stored if the connection broke after a commit
	Err         error
}

// Error returns the cause, how many plans are stored, and what to do.
func (e PartError) Error() string { return e.Err.Error() + "; " + e.Advice() }

// Advice says how many plans are stored, and what to do.
func (e PartError) Advice() string {
	then := "import the same file again"
	if _, is := errors.AsType[LineError](e.Err); is {
		then = "correct the row, and import the file again"
	}
	return fmt.Sprintf("at least the first %d of %d plans are stored: %s", e.Stored, e.All, then)
}

// Unwrap returns the cause.
func (e PartError) Unwrap() error { return e.Err }

// previewPlans counts what the edits do to the stored plans. The error of an invalid edit is an [adminstore.RowError].
func previewPlans(ctx context.Context, s PlanStore, edits []stock.PlanEdit, at time.Time) (map[string]int, error) {
	plans, effects, row := map[string]stock.Plan{}, map[string]int{}, 0
	for part := range slices.Chunk(edits, MaxPlanEdits) {
		if err := readPlans(ctx, s, part, plans); err != nil {
			return nil, err
		}
		for _, e := range part {
			row++
			before := plans[e.ID]
			after, err := e.Apply(before)
			if err != nil {
				return nil, adminstore.RowError{Row: row, Err: err}
			}
			effects[PlanEffect(before, after, at)]++
			plans[e.ID] = after
		}
	}
	return effects, nil
}

// readPlans adds the stored plans of the edits that are not in plans yet.
func readPlans(ctx context.Context, s PlanStore, edits []stock.PlanEdit, plans map[string]stock.Plan) error {
	var ids []string
	for _, e := range edits {
		if _, known := plans[e.ID]; !known {
			ids = append(ids, e.ID)
		}
	}
	found, err := s.PlansByID(ctx, ids)
	for _, p := range found {
		plans[p.ID] = p
	}
	return err
}

// inFile changes the row of an [adminstore.RowError] from the row of a part to that of the file. Row 0 is unknown.
func inFile(err error, before int) error {
	if row, is := errors.AsType[adminstore.RowError](err); is && row.Row > 0 {
		row.Row += before
		return row
	}
	return err
}
