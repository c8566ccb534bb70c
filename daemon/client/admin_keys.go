package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// An Order asks for new keys.
type Order struct {
	Count   int    `json:"count"`    // 1 to 10,000
	OrderID string `json:"order_id"` // 1 to 1024 bytes
	Note    string `json:"note"`     // for the keys' history; may be empty
}

// An Issue is the keys of an order.
type Issue struct {
	OrderID      string      `json:"order_id"`
	Count        int         `json:"count"`
	PurchaseDate time.Time   `json:"purchase_date"`
	Codes        []keys.Code `json:"codes"` // in order
}

func (i Issue) strange() bool { return i.Count < 1 || len(i.Codes) != i.Count }

// Issue makes the keys of an order, once for each idempotency key (1 to 255 bytes), such as the id of
// the webhook that told of it: made again with the same, also by others and much later, the call
// gives the same codes. So it is repeated by itself, and whatever its error is it can be made again.
func (a *Admin) Issue(ctx context.Context, idempotencyKey string, o Order) (Issue, error) {
	var i Issue
	err := a.do(ctx, request{
		method: http.MethodPost, path: "keys", body: o, again: true,
		header: http.Header{"Idempotency-Key": {idempotencyKey}},
	}, &i)
	return i, err
}

// A KeyFilter says which keys to list. Its zero value lists all.
type KeyFilter struct {
	Statuses []keys.Status // any of these; none: any
	Used     *bool         // nil: either
	Revoked  *bool
	OrderID  *string
}

// Keys lists keys with their latest tasks, in the order of their codes' bytes. It reads pages as it
// goes, so that what it gives is not of one moment. An error is the last that it gives.
func (a *Admin) Keys(ctx context.Context, f KeyFilter) iter.Seq2[Key, error] {
	q := url.Values{}
	var statuses []string
	for _, s := range f.Statuses {
		statuses = append(statuses, string(s))
	}
	if statuses != nil {
		q.Set("status", strings.Join(statuses, ","))
	}
	if f.Used != nil {
		q.Set("used", strconv.FormatBool(*f.Used))
	}
	if f.Revoked != nil {
		q.Set("revoked", strconv.FormatBool(*f.Revoked))
	}
	if f.OrderID != nil {
		q.Set("order_id", *f.OrderID)
	}
	return each[Key](ctx, a, "keys", q)
}

// Key reads all that is known of a key, or gives [KeyNotFound].
func (a *Admin) Key(ctx context.Context, code keys.Code) (KeyDetail, error) {
	return one[KeyDetail](ctx, a, http.MethodGet, "keys", string(code), "", nil)
}

// Revoke withdraws a key; its open task runs to its end.
func (a *Admin) Revoke(ctx context.Context, code keys.Code) (Key, error) {
	return a.steerKey(ctx, code, "revoke")
}

// Restore makes a revoked key what it was.
func (a *Admin) Restore(ctx context.Context, code keys.Code) (Key, error) {
	return a.steerKey(ctx, code, "restore")
}

// Reset makes a key usable again, whatever it was. [TaskOpen] says that its task must end first.
func (a *Admin) Reset(ctx context.Context, code keys.Code) (Key, error) {
	return a.steerKey(ctx, code, "reset")
}

func (a *Admin) steerKey(ctx context.Context, code keys.Code, action string) (Key, error) {
	return one[Key](ctx, a, http.MethodPost, "keys", string(code), action, nil)
}
