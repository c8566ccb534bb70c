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

// An Order is a request for new keys.
type Order struct {
	Count   int    `json:"count"`    // 1 to 10,000
	OrderID string `json:"order_id"` // 1 to 1024 bytes
	Note    string `json:"note"`     // for the history of the keys; may be empty
}

// An Issue contains the keys of an order.
type Issue struct {
	OrderID      string      `json:"order_id"`
	Count        int         `json:"count"`
	PurchaseDate time.Time   `json:"purchase_date"`
	Codes        []keys.Code `json:"codes"` // in ascending order
}

func (i Issue) invalid() bool { return i.Count < 1 || len(i.Codes) != i.Count }

// Issue creates the keys of an order, once for each idempotency key (1 to 255 bytes). A good idempotency
// key is the id of the webhook that reported the order.
//
// A second call with the same idempotency key returns the same codes. This holds for any process and at any
// later time. Therefore Issue repeats its request automatically, and after any error you can call it again.
func (a *Admin) Issue(ctx context.Context, idempotencyKey string, o Order) (Issue, error) {
	var i Issue
	err := a.do(ctx, adminCall{
		method: http.MethodPost, path: "keys", body: o, repeatable: true,
		header: http.Header{"Idempotency-Key": {idempotencyKey}},
	}, &i)
	return i, err
}

// A KeyFilter selects the keys to list. The zero value selects all keys.
type KeyFilter struct {
	Statuses []keys.Status // keys with any of these statuses; empty: with any status
	Used     *bool         // nil: used and unused keys
	Revoked  *bool
	OrderID  *string
}

// Keys lists keys with their latest tasks, ordered by the bytes of their codes. It reads page by page
// during the iteration, so the list is not a snapshot of one moment. The first error ends the sequence.
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
	return listAll[Key](ctx, a, "keys", q)
}

// Key returns a key with its explanation and its history. If the key does not exist, the error is
// [KeyNotFound].
func (a *Admin) Key(ctx context.Context, code keys.Code) (KeyDetail, error) {
	return callObject[KeyDetail](ctx, a, http.MethodGet, "keys", string(code), "", nil)
}

// Revoke revokes a key. An open task of the key continues to its end.
func (a *Admin) Revoke(ctx context.Context, code keys.Code) (Key, error) {
	return a.changeKey(ctx, code, "revoke")
}

// Restore gives a revoked key the state that it had before.
func (a *Admin) Restore(ctx context.Context, code keys.Code) (Key, error) {
	return a.changeKey(ctx, code, "restore")
}

// Reset makes a key usable again, whatever its status. If the key has an open task, the error is
// [TaskOpen]: the task must end first.
func (a *Admin) Reset(ctx context.Context, code keys.Code) (Key, error) {
	return a.changeKey(ctx, code, "reset")
}

func (a *Admin) changeKey(ctx context.Context, code keys.Code, action string) (Key, error) {
	return callObject[Key](ctx, a, http.MethodPost, "keys", string(code), action, nil)
}
