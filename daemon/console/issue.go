package console

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
)

// An order is a request to issue keys. Each order is carried out once, because its ID is the idempotency
// key of the admin API. If a browser submits the same ID again, the page shows the same keys.
type order struct {
	Count, OrderID, Note string
	ID                   string // the idempotency key; set when the page asks for confirmation
	Fault                string
	Codes                []keys.Code
	PurchaseDate         time.Time
}

func (v *visit) issuePage() error { return v.showOrder(http.StatusOK, order{Count: "1"}) }

func (v *visit) showOrder(status int, o order) error {
	return v.show(status, page{"issue", "Issue keys", "issue", o})
}

// The steps of an order, in the form's field "step".
const (
	check    = ""
	carryOut = "issue"
	download = "csv"
)

// issue handles the form of all three steps. It asks for confirmation, issues the keys, or sends them as a
// file.
func (v *visit) issue() error {
	form := v.r.PostForm
	o := order{
		Count: keys.Trim(form.Get("count")), OrderID: keys.Trim(form.Get("order_id")),
		Note: keys.Trim(form.Get("note")), ID: form.Get("id"),
	}
	step := form.Get("step")
	if step == check {
		o.ID = rand.Text()
		return v.showOrder(http.StatusOK, o)
	}
	err := v.carryOut(&o)
	if refused, is := errors.AsType[refusal](err); is {
		o.ID, o.Fault = "", refused.Says()
		return v.showOrder(refused.Status, o)
	}
	if err != nil {
		return err
	}
	if step == download {
		return v.send(o)
	}
	return v.show(http.StatusOK, page{"issued", "Keys issued", "issue", o})
}

// carryOut issues the keys through the admin API. It stores the codes and the purchase date in o.
func (v *visit) carryOut(o *order) error {
	count, err := strconv.Atoi(o.Count)
	if err != nil {
		return refusal{http.StatusUnprocessableEntity, "The order is not valid", "the number of keys is no number", ""}
	}
	body := map[string]any{"count": count, "order_id": o.OrderID, "note": o.Note}
	var issued struct {
		Codes        []keys.Code `json:"codes"`
		PurchaseDate time.Time   `json:"purchase_date"`
	}
	err = v.ask("/admin/v1/keys", body, &issued, http.Header{"Idempotency-Key": {o.ID}})
	o.Codes, o.PurchaseDate = issued.Codes, issued.PurchaseDate
	return err
}

// send sends the keys as a CSV file for a spreadsheet.
func (v *visit) send(o order) error {
	var b bytes.Buffer
	err := csvfile.WriteKeys(&b, func(yield func(keys.Key, error) bool) {
		for _, code := range o.Codes {
			if !yield(keys.Key{Code: code, Status: keys.Active, OrderID: o.OrderID, PurchaseDate: o.PurchaseDate}, nil) {
				return
			}
		}
	}, true)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="keys.csv"`)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = v.w.Write(b.Bytes()) // a browser that has disconnected is not an error
	return nil
}
