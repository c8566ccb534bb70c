package admin

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A planPage is a page of plans. Next is the parameter "after" of the next page, or nil on the last page.
type planPage struct {
	Plans []view.Plan `json:"plans"`
	Next  *string     `json:"next"`
}

func (c *call) listPlans() (response, error) {
	q := c.parseQuery("after", "limit")
	limit, after := q.limit(), int64(0)
	if text := q.values.Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			q.fail("after must be the next of the page before")
		}
	}
	if q.err != nil {
		return response{}, q.err
	}
	plans, err := c.AdminStore.Plans(c.r.Context(), after, limit)
	if err != nil {
		return response{}, err
	}
	page, now := planPage{Plans: []view.Plan{}}, time.Now()
	for _, p := range plans {
		page.Plans = append(page.Plans, view.NewPlan(p, now))
	}
	if len(plans) == limit {
		page.Next = new(strconv.FormatInt(plans[limit-1].Seq, 10))
	}
	return okResponse(page, nil)
}

// A planEdit is the body of PUT /plans/{id}. A field that is not given leaves the value in the plan unchanged.
type planEdit struct {
	Country *string      `json:"country"`
	Slots   *int         `json:"slots"`
	Address *string      `json:"address"`
	Invite  *string      `json:"invite"`
	Expires nullableTime `json:"expires_at"`
}

// edit returns the edit that the body requests. It checks the body by the rules for a CSV file of plans.
func (b planEdit) edit(id string) (stock.PlanEdit, error) {
	e := stock.PlanEdit{ID: id, Size: b.Slots, Address: b.Address, Invite: b.Invite, ExpiresAt: b.Expires.at}
	if b.Country != nil {
		country, err := csvfile.ParseCountry(*b.Country)
		if err != nil {
			return e, invalid("country", err.Error())
		}
		e.Country = &country
	}
	if b.Slots != nil && (*b.Slots < 0 || *b.Slots > stock.MaxSize) {
		return e, invalid("slots", fmt.Sprintf("must be 0 to %d", stock.MaxSize))
	}
	if b.Expires.err != nil {
		return e, invalid("expires_at", b.Expires.err.Error())
	}
	return e, cmp.Or(checkCell("address", b.Address, csvfile.CheckLines), checkCell("invite", b.Invite, csvfile.CheckLines))
}

// editPlan creates or changes a plan, and puts it into stock.
func (c *call) editPlan() (response, error) {
	id, err := c.planID()
	if err != nil {
		return response{}, err
	}
	body, err := decode[planEdit](c)
	if err != nil {
		return response{}, err
	}
	edit, err := body.edit(id)
	if err != nil {
		return response{}, err
	}
	err = c.edit(edit)
	if errors.Is(err, stock.ErrPlan) {
		err = invalid("country", "and slots are needed, since the plan is new")
	}
	return response{status: http.StatusNoContent}, err
}

func (c *call) retirePlan() (response, error) {
	id, err := c.planID()
	if err == nil {
		err = c.noBody()
	}
	if err == nil {
		err = c.edit(stock.PlanEdit{ID: id, Retire: true})
	}
	return response{status: http.StatusNoContent}, err
}

func (c *call) planID() (string, error) {
	if !csvfile.ValidID(c.pathParam) {
		return "", stock.ErrPlan
	}
	c.logAttrs = []slog.Attr{slog.String("plan", c.pathParam)}
	return c.pathParam, nil
}

// edit applies one edit. If the plan does not allow the edit, the error contains the reason for the operator.
func (c *call) edit(e stock.PlanEdit) error {
	err := c.AdminStore.EditPlans(c.r.Context(), []stock.PlanEdit{e})
	row, isRow := errors.AsType[adminstore.RowError](err)
	if isRow && !errors.Is(err, stock.ErrPlan) {
		return apiError{PlanInUse, row.Err.Error()}
	}
	return err
}

type stockLevels struct {
	Stock []view.Level `json:"stock"`
}

func (c *call) stock() (response, error) {
	all, err := c.Engine.Stock(c.r.Context())
	body := stockLevels{Stock: []view.Level{}}
	for _, l := range all {
		body.Stock = append(body.Stock, view.Level(l))
	}
	return okResponse(body, err)
}
