package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A planList is a page of plans, in the order of import.
type planList struct {
	Plans   []planRow
	Next    string
	First   bool     // the page is the first one
	Acts    bool     // the operator may change plans
	PageIDs string   // the ids of the page's plans
	Bulk    []action // the actions on several plans
}

// A planRow is a plan and the possible actions on it.
type planRow struct {
	view.Plan
	Actions []action
}

func (r *request) listPlans() error {
	after, err := strconv.ParseInt(r.req.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0 // an invalid cursor shows the first page
	}
	plans, err := r.AdminStore.Plans(r.req.Context(), after, pageSize)
	if err != nil {
		return err
	}
	l := planList{First: after == 0, Acts: r.token.Role.Allows(admin.Write), Bulk: r.permitted(selectActions("plan", map[string]bool{"restock": true, "retire": true}))}
	var ids []string
	for _, p := range plans {
		l.Plans = append(l.Plans, planRow{view.NewPlan(p, r.Now()), r.permitted(planActions(p, r.Now()))})
		ids = append(ids, p.ID)
	}
	l.PageIDs = strings.Join(ids, ",")
	if len(plans) == pageSize {
		l.Next = "/console/plans?after=" + strconv.FormatInt(plans[pageSize-1].Seq, 10)
	}
	return r.render(http.StatusOK, page{"plans", "Plans", "plans", l})
}

// planActions returns the actions that are allowed on a plan. An expired plan needs a later time to be put back, so it is
// put back with the form.
func planActions(p stock.Plan, now time.Time) []action {
	expired := p.HasExpired(now)
	all := selectActions("plan", map[string]bool{"edit": true, "restock": !p.Available(now) && !expired, "retire": !p.Retired})
	if expired {
		all[0].Button = "Put back"
	}
	return all
}

// A planForm is the content of the page that adds or edits a plan. The fields are texts, as in the form.
type planForm struct {
	New                                            bool
	ID, Country, Slots, Address, Invite, ExpiresAt string
	Hint                                           string // what to do before the plan can be saved
	Error                                          string
}

// errNoPlan is the page for a plan that does not exist.
var errNoPlan = pageError{http.StatusNotFound, "Not found", "In this database there is no such plan."}

// showPlanForm shows the form of a new plan or of a plan to edit. For another verb it asks for confirmation.
func (r *request) showPlanForm() error {
	f := planForm{New: true, Slots: "5"}
	switch r.req.PathValue("verb") {
	case "new":
	case "edit":
		p, err := r.findPlan(r.req.URL.Query().Get("id"))
		if err != nil {
			return err
		}
		if p.ID == "" {
			return errNoPlan
		}
		f = planForm{
			ID: p.ID, Country: string(p.Country), Slots: strconv.Itoa(p.Size), Address: p.Address, Invite: p.Invite,
			ExpiresAt: view.Time{Time: p.ExpiresAt}.String(),
		}
		if p.HasExpired(r.Now()) {
			f.Hint = "The plan has expired. To put it back into stock, enter a later time, or none."
		}
	default:
		r.req.SetPathValue("noun", "plan")
		return r.confirmAction()
	}
	return r.renderPlanForm(http.StatusOK, f)
}

func (r *request) renderPlanForm(status int, f planForm) error {
	title := "New plan"
	if !f.New {
		title = "Plan " + f.ID
	}
	return r.render(status, page{"plan", title, "plans", f})
}

// findPlan reads the plan with the given id. It returns the zero Plan if no plan has this id.
func (r *request) findPlan(id string) (stock.Plan, error) {
	found, err := r.AdminStore.PlansByID(r.req.Context(), []string{id})
	if err != nil || len(found) == 0 {
		return stock.Plan{}, err
	}
	return found[0], nil
}

// savePlan adds or edits a plan through the admin API. Both put the plan into stock.
func (r *request) savePlan() error {
	form := r.req.PostForm
	f := planForm{
		New: form.Get("new") != "", ID: keys.Trim(form.Get("id")), Country: keys.Trim(form.Get("country")), Slots: keys.Trim(form.Get("slots")),
		Address: form.Get("address"), Invite: keys.Trim(form.Get("invite")), ExpiresAt: keys.Trim(form.Get("expires_at")),
	}
	err := r.putPlan(f)
	if e, is := errors.AsType[apiError](err); is {
		f.Error = e.Message()
		return r.renderPlanForm(e.Status, f)
	}
	if err != nil {
		return err
	}
	r.session.setNote("The plan " + f.ID + " is saved.")
	r.redirect("/console/plans")
	return nil
}

// putPlan sends the plan of a form to the admin API. The error is an [apiError] if a new plan exists already.
func (r *request) putPlan(f planForm) error {
	refused := func(detail string) error {
		return apiError{http.StatusUnprocessableEntity, "The plan is not valid", detail, ""}
	}
	if !csvfile.ValidID(f.ID) {
		return refused(fmt.Sprintf("the id must be 1 to %d printable ASCII characters with no space", csvfile.MaxID))
	}
	slots, err := strconv.Atoi(f.Slots)
	if err != nil {
		return refused("the number of slots is not a number")
	}
	if f.New {
		p, err := r.findPlan(f.ID)
		if err != nil {
			return err
		}
		if p.ID != "" {
			return refused("a plan with this id exists already")
		}
	}
	var expires any // null: never
	if f.ExpiresAt != "" {
		expires = f.ExpiresAt
	}
	body := map[string]any{"country": f.Country, "slots": slots, "address": strings.ReplaceAll(f.Address, "\r\n", "\n"), "invite": f.Invite, "expires_at": expires}
	return r.callAdmin(http.MethodPut, objectPath("plans", f.ID), body, nil, nil)
}
