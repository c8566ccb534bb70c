package console

import (
	"bytes"
	"errors"
	"slices"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A verdict describes what the import does with a row.
type verdict struct {
	Line    int
	ID      string // of the plan, or the end of the key's code
	Country stock.Country
	Verdict string
	Invalid bool
}

// A verdictCount is the number of rows with the same verdict.
type verdictCount struct {
	Verdict string
	Rows    int
}

// maxVerdicts is the number of rows that a page shows.
const maxVerdicts = 500

// keyExists is the verdict of a key that is stored already.
const keyExists = "already there"

// add adds the verdict of a row. If the page is full, an invalid row takes the place of a valid one.
func (f *fileImport) add(v verdict) {
	count := v.Verdict
	if v.Invalid {
		f.Invalid++
		if count != keyExists {
			count = "invalid"
		}
	}
	f.count(count)
	if len(f.Rows) >= maxVerdicts {
		f.Hidden++
		i := len(f.Rows) - 1
		for i >= 0 && f.Rows[i].Invalid {
			i--
		}
		if i < 0 || !v.Invalid {
			return
		}
		f.Rows = slices.Delete(f.Rows, i, i+1)
	}
	f.Rows = append(f.Rows, v)
}

func (f *fileImport) count(text string) {
	for i := range f.Counts {
		if f.Counts[i].Verdict == text {
			f.Counts[i].Rows++
			return
		}
	}
	f.Counts = append(f.Counts, verdictCount{text, 1})
}

// checkPlans finds the verdict of each row of a file of plans.
func (r *request) checkPlans(f *fileImport, text []byte) error {
	plans, err := r.plansOf(text)
	if err != nil {
		return err
	}
	for row, err := range csvfile.New(bytes.NewReader(text)).CheckPlans() {
		if err != nil {
			return err
		}
		before := plans[row.Edit.ID]
		after, err := before, row.Err
		if err == nil {
			after, err = row.Edit.Apply(before)
		}
		v := verdict{Line: row.Line, ID: row.Edit.ID, Country: after.Country}
		if err != nil {
			v.Verdict, v.Invalid = err.Error(), true
		} else {
			v.Verdict, plans[after.ID] = csvfile.PlanEffect(before, after, r.Now()), after
		}
		f.add(v)
	}
	return nil
}

// plansOf reads the stored plans that a file names, by their ids. It reads the file up to the first invalid line.
func (r *request) plansOf(text []byte) (map[string]stock.Plan, error) {
	var ids []string
	for row, err := range csvfile.New(bytes.NewReader(text)).CheckPlans() {
		if err != nil {
			break // the check reports it
		}
		ids = append(ids, row.Edit.ID)
	}
	found, err := r.AdminStore.PlansByID(r.req.Context(), ids)
	plans := map[string]stock.Plan{}
	for _, p := range found {
		plans[p.ID] = p
	}
	return plans, err
}

// checkKeys finds the verdict of each row of a file of keys.
func (r *request) checkKeys(f *fileImport, text []byte) error {
	return csvfile.New(bytes.NewReader(text)).EachResult(r.req.Context(), r.Engine.Store.Snapshots, func(row csvfile.RowResult) error {
		v := verdict{Line: row.Line, Verdict: "new", Invalid: row.Err != nil}
		if row.Key.Code != "" {
			v.ID = string(view.Mask(row.Key.Code))
		}
		switch {
		case errors.Is(row.Err, adminstore.ErrExists):
			v.Verdict = keyExists
		case v.Invalid:
			v.Verdict = row.Err.Error()
		}
		f.add(v)
		return nil
	})
}
