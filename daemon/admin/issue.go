package admin

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// maxIssue is the maximum number of keys in one order.
const maxIssue = 10_000

// An order is the body of POST /keys.
type order struct {
	Count   int    `json:"count"`
	OrderID string `json:"order_id"`
	Note    string `json:"note"`
}

func (o order) check() error {
	switch {
	case o.Count < 1 || o.Count > maxIssue:
		return invalid("count", fmt.Sprintf("must be 1 to %d", maxIssue))
	case o.OrderID == "":
		return invalid("order_id", "is missing")
	}
	return cmp.Or(checkCell("order_id", &o.OrderID, csvfile.CheckText), checkCell("note", &o.Note, csvfile.CheckText))
}

// issuedKeys is the body of the response to an order.
type issuedKeys struct {
	OrderID      string      `json:"order_id"`
	Count        int         `json:"count"`
	PurchaseDate view.Time   `json:"purchase_date"`
	Codes        []keys.Code `json:"codes"`
}

// issueKeys issues the keys of an order, once for each Idempotency-Key of a token's name. A client that repeats a
// request gets the same response, because the store imports a batch only once.
func (c *call) issueKeys() (response, error) {
	batch, err := c.batch()
	if err != nil {
		return response{}, err
	}
	o, err := decode[order](c)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return response{}, err
	}
	c.logAttrs = []slog.Attr{slog.String("batch", batch.ID), slog.String("order", o.OrderID), slog.Int("count", o.Count)}
	batch.Note = c.attributedNote(o.Note)
	fresh := daemon.IssueKeys(o.Count, o.OrderID, time.Now())
	slices.SortFunc(fresh, func(x, y keys.Key) int { return cmp.Compare(x.Code, y.Code) })
	err = c.AdminStore.ImportKeys(c.r.Context(), batch, seq.All(fresh))
	switch {
	case errors.Is(err, adminstore.ErrBatch):
		return c.replay(o, batch)
	case err != nil:
		return response{}, err
	}
	return issuedResponse(fresh), nil
}

// maxIdempotencyKey is the maximum length of an Idempotency-Key, in bytes.
const maxIdempotencyKey = 255

// batch returns the import batch for the request's Idempotency-Key. Its id depends on the token's name. So another
// client with the same Idempotency-Key neither gets the codes nor blocks the order. The id does not depend on the
// token's secret. So an order that is repeated with a renewed token is not carried out again.
func (c *call) batch() (adminstore.ImportBatch, error) {
	given := c.r.Header["Idempotency-Key"]
	if len(given) != 1 || given[0] == "" || len(given[0]) > maxIdempotencyKey {
		return adminstore.ImportBatch{}, apiError{KeyMissing, fmt.Sprintf("send one Idempotency-Key of 1 to %d bytes, the same for each repetition of an order", maxIdempotencyKey)}
	}
	hash := sha256.Sum256([]byte("POST /keys\x00" + c.token.Name + "\x00" + given[0]))
	id := "order-" + base32.StdEncoding.EncodeToString(hash[:20])
	return adminstore.ImportBatch{ID: id, Type: tasks.EventIssued}, nil
}

// replay returns the original response to an order that was carried out before. An order with another
// count or order_id is an error.
func (c *call) replay(o order, b adminstore.ImportBatch) (response, error) {
	all, err := c.AdminStore.Batch(c.r.Context(), b.ID)
	if err != nil {
		return response{}, err
	}
	if len(all) != o.Count || all[0].OrderID != o.OrderID {
		return response{}, apiError{KeyReused, "it came with another count or order_id before"}
	}
	r := issuedResponse(all)
	r.header = map[string]string{"Idempotent-Replayed": "true"}
	return r, nil
}

func issuedResponse(all []keys.Key) response {
	body := issuedKeys{OrderID: all[0].OrderID, Count: len(all), PurchaseDate: view.Time(all[0].PurchaseDate)}
	for _, k := range all {
		body.Codes = append(body.Codes, k.Code)
	}
	return response{status: http.StatusCreated, body: body}
}
