package admin

import (
	"cmp"
	"context"
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

// showKey returns a key's state, its latest task, its explanation and its whole history.
func (c *call) showKey() (response, error) {
	code, err := c.code()
	if err != nil {
		return response{}, err
	}
	v, err := c.Engine.Snapshot(c.r.Context(), code)
	if err == nil && !v.Key.Exists() {
		err = tasks.ErrNoKey
	}
	if err != nil {
		return response{}, err
	}
	history, err := c.AdminStore.History(c.r.Context(), code)
	detail := view.NewKeyDetail(v, history)
	if !c.token.Role.ShowsCode() {
		detail = view.NewMaskedKeyDetail(v, history)
	}
	detail.Key = c.shownKey(view.NewKey(v), c.token.Role.ShowsCode())
	return okResponse(detail, err)
}

// code returns the key's code from the path. Text that cannot be a code counts as a key that does not exist.
func (c *call) code() (keys.Code, error) {
	code, err := keys.ParseTyped(c.pathParam)
	if err != nil {
		return "", tasks.ErrNoKey
	}
	c.logAttrs = []slog.Attr{slog.String("key", c.fingerprint(code))}
	return code, nil
}

// mutateKey returns the operation that applies an admin action to a key. Its response is the changed key.
func mutateKey(decide mutation) func(*call) (response, error) {
	return func(c *call) (response, error) {
		code, err := c.code()
		if err == nil {
			err = c.noBody()
		}
		if err != nil {
			return response{}, err
		}
		read := func(ctx context.Context) (tasks.Snapshot, error) { return c.Engine.Snapshot(ctx, code) }
		v, err := c.mutate(read, decide)
		return okResponse(c.shownKey(view.NewKey(v), true), err)
	}
}

type keyPage struct {
	Keys []view.Key `json:"keys"`
	neighbors
}

// listKeys lists keys. Only a client that may list whole codes gets whole codes.
func (c *call) listKeys() (response, error) {
	q := c.parseQuery(append(pageParams, "status", "used", "revoked", "order_id", "bought_after", "bought_before", "country", "plan")...)
	p := c.page(q)
	f := adminstore.KeyFilter{
		Statuses: oneOf(q, "status", keys.Statuses()), Used: q.boolean("used"), Revoked: q.boolean("revoked"),
		BoughtAfter: parsed(q, "bought_after", csvfile.ParseTime), BoughtBefore: parsed(q, "bought_before", csvfile.ParseTime),
		Country: parsed(q, "country", csvfile.ParseCountry), Plan: q.values.Get("plan"),
	}
	if q.values.Has("order_id") {
		f.OrderID = new(q.values.Get("order_id"))
	}
	if q.err != nil {
		return response{}, q.err
	}
	list, err := c.AdminStore.Keys(c.r.Context(), f, p)
	if err != nil {
		return response{}, err
	}
	c.discloseList(len(list.Entries))
	n, err := c.neighbors(list.Neighbors(p, func(v tasks.Snapshot) adminstore.Position { return f.Position(p.Order, v) }))
	return okResponse(keyPage{c.shownKeys(list.Entries), n}, err)
}

const maxIssue = 10_000 // the maximum number of keys in one order

// checkOrder checks the body of POST /keys.
func checkOrder(o view.Order) error {
	switch {
	case o.Count < 1 || o.Count > maxIssue:
		return invalid("count", fmt.Sprintf("must be 1 to %d", maxIssue))
	case o.OrderID == "":
		return invalid("order_id", "is missing")
	}
	return cmp.Or(checkCell("order_id", &o.OrderID, csvfile.CheckText), checkCell("note", &o.Note, csvfile.CheckText))
}

// issueKeys issues the keys of an order. A client that repeats a request with the same Idempotency-Key gets the same
// response, because the store imports a batch only once.
func (c *call) issueKeys() (response, error) {
	batch, err := c.batch()
	if err != nil {
		return response{}, err
	}
	o, err := decode[view.Order](c)
	if err == nil {
		err = checkOrder(o)
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

const maxIdempotencyKey = 255 // the maximum length of an Idempotency-Key, in bytes

// batch returns the import batch for the request's Idempotency-Key. The id of the batch depends on the token's name. So
// another client with the same Idempotency-Key neither gets the codes nor blocks the order. The id does not depend on the
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
func (c *call) replay(o view.Order, b adminstore.ImportBatch) (response, error) {
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
	body := view.Issue{OrderID: all[0].OrderID, Count: len(all), PurchaseDate: view.Time{Time: all[0].PurchaseDate}}
	for _, k := range all {
		body.Codes = append(body.Codes, k.Code)
	}
	return response{status: http.StatusCreated, body: body}
}

// disclose records that the response contains n whole codes that the client did not send.
func (c *call) disclose(n int) {
	c.disclosed = n
	c.logAttrs = append(c.logAttrs, slog.Int("count", n))
}

// discloseList records that the response lists n whole codes. It records nothing for a client that gets masked codes.
func (c *call) discloseList(n int) {
	if c.token.Role.Allows(Export) {
		c.disclose(n)
	}
}

// fingerprint returns the fingerprint of a code, for the log and for responses.
func (c *call) fingerprint(code keys.Code) string { return c.Engine.Fingerprints.Fingerprint(code) }

// shownKey returns a key with its fingerprint. The code is masked unless whole is true.
func (c *call) shownKey(k view.Key, whole bool) view.Key {
	k.Fingerprint = c.fingerprint(k.Code)
	if k.Task != nil {
		k.Task = new(c.shownTask(*k.Task, true))
	}
	if !whole {
		return k.Masked()
	}
	return k
}

// shownKeys returns the keys of a list. The codes are masked unless the client may list whole codes.
func (c *call) shownKeys(all []tasks.Snapshot) []view.Key {
	shown, whole := []view.Key{}, c.token.Role.Allows(Export)
	for _, v := range all {
		shown = append(shown, c.shownKey(view.NewKey(v), whole))
	}
	return shown
}

// shownTask returns a task with the fingerprint of its key. The code is masked unless whole is true.
func (c *call) shownTask(t view.Task, whole bool) view.Task {
	t.Fingerprint = c.fingerprint(t.Code)
	if !whole {
		return t.Masked()
	}
	return t
}

// shownTasks returns the tasks of a list. The codes are masked unless the client may list whole codes.
func (c *call) shownTasks(all []tasks.Snapshot) []view.Task {
	shown, whole := []view.Task{}, c.token.Role.Allows(Export)
	for _, v := range all {
		shown = append(shown, c.shownTask(view.NewTask(*v.Task), whole))
	}
	return shown
}
