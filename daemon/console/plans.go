package console

import (
	"net/http"
	"strconv"

	"github.com/keyseat/keyseat/daemon/view"
)

// A planList is a page of plans, in the order of import.
type planList struct {
	Plans []planLine
	Next  string
}

// A planLine is a plan and the possible actions on it.
type planLine struct {
	view.Plan
	Acts []act
}

func (v *visit) plans() error {
	after, err := strconv.ParseInt(v.r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0 // an invalid cursor shows the first page
	}
	plans, err := v.AdminStore.Plans(v.r.Context(), after, rows)
	if err != nil {
		return err
	}
	var l planList
	for _, p := range plans {
		line := view.NewPlan(p, v.Now())
		l.Plans = append(l.Plans, planLine{line, ofPlan(line)})
	}
	if len(plans) == rows {
		l.Next = "/console/plans?after=" + strconv.FormatInt(plans[rows-1].Seq, 10)
	}
	return v.show(http.StatusOK, page{"plans", "Plans", "plans", l})
}
