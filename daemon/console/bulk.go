package console

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A bulk is an action on several objects of a list. It has two steps: the first one asks for confirmation.
type bulk struct {
	action
	IDs      []string // ids, or references to keys
	Allowed  bool     // the role of the operator allows the action
	Outcomes []tasks.Outcome
	Back     string
	Error    string

	Tried    bool
	Done     int
	Failures []failure
}

// A failure says why the action failed for an object.
type failure struct{ Subject, Reason string }

// Heading returns the heading of the page, such as "Revoke 40 keys?" before the action.
func (b bulk) Heading() string {
	text := strings.TrimSuffix(b.Button, " now")
	if len(b.IDs) == 0 {
		return text
	}
	text += " " + formatNumber(len(b.IDs)) + " " + b.Noun
	if len(b.IDs) != 1 {
		text += "s"
	}
	if !b.Tried {
		text += "?"
	}
	return text
}

// bulkAction handles both steps.
func (r *request) bulkAction() error {
	form := r.req.PostForm
	a, is := findAction(form.Get("noun"), form.Get("verb"))
	if !is || a.Question == "" {
		return errNotFound
	}
	b := bulk{action: a, IDs: form["id"], Allowed: r.token.Role.Allows(a.role()), Back: "/console/" + a.Noun + "s"}
	if form.Get("all") != "" {
		b.IDs = strings.Split(form.Get("page"), ",")
	}
	if a.Verb == "resolve" {
		b.Outcomes = tasks.Outcomes(tasks.Upgrade) // only an upgrade has a slot
	}
	status := http.StatusOK
	switch {
	case len(b.IDs) == 0 || len(b.IDs) > pageSize:
		b.IDs, b.Error, status = nil, "Select one or more lines of the list first.", http.StatusUnprocessableEntity
	case !b.Allowed:
		status = http.StatusForbidden
	case form.Get("step") != "":
		if err := r.doBulk(&b, form.Get("outcome")); err != nil {
			return err
		}
	}
	return r.render(status, page{"bulk", a.Button, a.Noun + "s", b})
}

// doBulk performs the action on each object through the admin API. It continues after an object that does not allow the
// action.
func (r *request) doBulk(b *bulk, outcome string) error {
	b.Tried = true
	for _, id := range b.IDs {
		target, subject := id, id
		if b.Noun == "key" {
			code, err := view.OpenCode(r.Engine.Sealer, id)
			if err != nil {
				return tasks.ErrNoKey
			}
			target, subject = string(code), string(view.Mask(code))
		}
		err := r.act(b.action, target, outcome)
		if e, is := errors.AsType[apiError](err); is {
			b.Failures = append(b.Failures, failure{subject, e.Message()})
			continue
		}
		if err != nil {
			return err
		}
		b.Done++
	}
	return nil
}

// An order is a request to issue keys. Each order is carried out once, because its ID is the idempotency
// key of the admin API. If a browser submits the same ID again, the page shows the same keys.
type order struct {
	Count, OrderID, Note string
	ID                   string // the idempotency key; set when the page asks for confirmation
	Error                string
	Codes                []keys.Code
	PurchaseDate         time.Time
}

func (r *request) newOrder() error { return r.showOrder(http.StatusOK, order{Count: "1"}) }

func (r *request) showOrder(status int, o order) error {
	return r.render(status, page{"issue", "Issue keys", "issue", o})
}

// The steps of an order, in the form's field "step".
const (
	stepConfirm = ""
	stepIssue   = "issue"
	stepCSV     = "csv"
)

// submitOrder handles the form of all three steps. It asks for confirmation, issues the keys, or sends them
// as a file.
func (r *request) submitOrder() error {
	form := r.req.PostForm
	o := order{
		Count: keys.Trim(form.Get("count")), OrderID: keys.Trim(form.Get("order_id")),
		Note: keys.Trim(form.Get("note")), ID: form.Get("id"),
	}
	step := form.Get("step")
	if step == stepConfirm {
		o.ID = rand.Text()
		return r.showOrder(http.StatusOK, o)
	}
	err := r.issueKeys(&o)
	if e, is := errors.AsType[apiError](err); is {
		o.ID, o.Error = "", e.Message()
		return r.showOrder(e.Status, o)
	}
	if err != nil {
		return err
	}
	if step == stepCSV {
		return r.sendCSV(o)
	}
	return r.render(http.StatusOK, page{"issued", "Keys issued", "issue", o})
}

// issueKeys issues the keys through the admin API. It stores the codes and the purchase date in o.
func (r *request) issueKeys(o *order) error {
	count, err := strconv.Atoi(o.Count)
	if err != nil {
		return apiError{http.StatusUnprocessableEntity, "The order is not valid", "the number of keys is not a number", ""}
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

// sendCSV sends the keys as a CSV file for a spreadsheet.
func (r *request) sendCSV(o order) error {
	all := make([]keys.Key, len(o.Codes))
	for i, code := range o.Codes {
		all[i] = keys.Key{Code: code, Status: keys.Active, OrderID: o.OrderID, PurchaseDate: o.PurchaseDate}
	}
	var b bytes.Buffer
	if err := csvfile.WriteKeys(&b, seq.All(all), true); err != nil {
		return err
	}
	r.sendFile("keys.csv", "text/csv; charset=utf-8", b.Bytes())
	return nil
}
