package console

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
)

// An order is a request to issue keys. Each order is carried out once, because its ID is the idempotency
// key of the admin API. If a browser submits the same ID again, the page shows the same keys.
type order struct {
	Count, OrderID, Note string
	ID                   string // the idempotency key; set when the page asks for confirmation
	Error                string
	Codes                []keys.Code
	PurchaseDate         time.Time
}

func (r *request) showOrder(status int, o order) error {
	return r.render(status, page{"issue", "Issue keys", "issue", o})
}

// submitOrder handles the forms that issue keys. The field step selects what it does. It asks for confirmation, issues
// the keys and shows them, or sends them as a file.
func (r *request) submitOrder() error {
	form := r.req.PostForm
	o := order{
		Count: keys.Trim(form.Get("count")), OrderID: keys.Trim(form.Get("order_id")),
		Note: keys.Trim(form.Get("note")), ID: form.Get("id"),
	}
	step := form.Get("step") // "": ask for confirmation; "issue": show the keys; "csv": send them as a file
	if step == "" {
		o.ID = rand.Text()
		return r.showOrder(http.StatusOK, o)
	}
	err := r.issueKeys(&o)
	if e, is := errors.AsType[apiError](err); is {
		o.Error = e.Message()
		if e.Status < http.StatusInternalServerError {
			o.ID = "" // nothing is issued; after other errors the keys may be issued, so a repetition needs the same ID
		}
		return r.showOrder(e.Status, o)
	}
	if err != nil {
		return err
	}
	if step == "csv" {
		return r.sendCSV(o)
	}
	return r.render(http.StatusOK, page{"issued", "Keys issued", "issue", o})
}

// issueKeys issues the keys through the admin API. It stores the codes and the purchase date in o.
func (r *request) issueKeys(o *order) error {
	count, err := strconv.Atoi(o.Count)
	if err != nil {
		return apiError{http.StatusUnprocessableEntity, "The order is not valid", "the number of keys is not a number"}
	}
	body := map[string]any{"count": count, "order_id": o.OrderID, "note": o.Note}
	var issued struct {
		Codes        []keys.Code `json:"codes"`
		PurchaseDate time.Time   `json:"purchase_date"`
	}
	err = r.callAdmin(http.MethodPost, "/admin/v1/keys", body, &issued, http.Header{"Idempotency-Key": {o.ID}})
	o.Codes, o.PurchaseDate = issued.Codes, issued.PurchaseDate
	return err
}

func (r *request) sendCSV(o order) error {
	all := make([]keys.Key, len(o.Codes))
	for i, code := range o.Codes {
		all[i] = keys.Key{Code: code, Status: keys.Active, OrderID: o.OrderID, PurchaseDate: o.PurchaseDate}
	}
	return r.sendFile("keys.csv", csvType, func(w io.Writer) error { return csvfile.WriteKeys(w, seq.All(all), true) })
}

// A planForm is the content of the page that adds or edits a plan. The fields are texts, as in the form.
type planForm struct {
	New                                            bool
	ID, Country, Slots, Address, Invite, ExpiresAt string
	Hint                                           string // what to do before the plan can be saved
	Error                                          string
}

// showPlanForm shows the form of a new plan or of a plan to edit. For any other verb in the path, such as "retire", it
// asks the operator to confirm that action.
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
			return pageError{http.StatusNotFound, "Not found", "In this database there is no such plan."}
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

// savePlan adds or edits a plan through the admin API. The admin API also puts the plan into stock.
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
	r.session.note.Store(new("The plan " + f.ID + " is saved."))
	r.redirect("/console/plans")
	return nil
}

// putPlan sends the plan of a form to the admin API. The error is an [apiError] if the form is not valid, or if a new
// plan has the id of an existing plan.
func (r *request) putPlan(f planForm) error {
	refused := func(detail string) error {
		return apiError{http.StatusUnprocessableEntity, "The plan is not valid", detail}
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
