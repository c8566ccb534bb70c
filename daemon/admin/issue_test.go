package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

type issuedKeys struct {
	OrderID string `json:"order_id"`
	Count   int
	Codes   []keys.Code
}

// order sends an order with an Idempotency-Key.
func (s fixture) order(key, body string, edit ...func(*http.Request)) result {
	s.Helper()
	return s.send(http.MethodPost, "/keys", body, append(edit, with("Idempotency-Key", key))...)
}

func TestOrderIsIssuedOnce(t *testing.T) {
	s := newFixture(t)
	first := s.order("hook-1", `{"count":3,"order_id":"o-1","note":"by hand"}`)
	var got issuedKeys
	s.read(first, http.StatusCreated, &got)
	if got.Count != 3 || len(got.Codes) != 3 || got.OrderID != "o-1" || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("issued %+v", got)
	}
	for _, code := range got.Codes {
		var whole struct {
			Status, Order string
			History       []struct{ Event, Note string }
		}
		s.get("/keys/"+string(code), &whole)
		if !code.Generated() || whole.Status != "active" || len(whole.History) != 1 ||
			whole.History[0].Event != "issued" || whole.History[0].Note != "by hand (by webshop)" {
			t.Errorf("%s: %+v", code, whole)
		}
	}
	s.send(http.MethodPost, "/keys/"+string(got.Codes[0])+"/revoke", "") // a later change of a key does not change the response
	var revoked struct {
		History []struct{ Event, Note string }
	}
	s.get("/keys/"+string(got.Codes[0]), &revoked)
	if last := revoked.History[1]; last.Event != "revoked" || last.Note != "by webshop" {
		t.Errorf("the history ends with %+v", last)
	}
	again := s.order("hook-1", `{"order_id":"o-1","count":3}`)
	if again.code != first.code || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again %+v\nnot %+v", again, first)
	}
	s.refused(s.order("hook-1", `{"count":2,"order_id":"o-1"}`), 422, "idempotency_key_reused")
	s.refused(s.order("hook-1", `{"count":3,"order_id":"o-2"}`), 422, "idempotency_key_reused")
	s.read(s.order("hook-2", `{"count":1,"order_id":"o-1"}`), http.StatusCreated, &got)
	s.stored(4)
}

// TestIdempotencyKeysBelongToTokenName sends the same Idempotency-Key with tokens of two names. Neither gets the
// codes of the other, and a renewed token does.
func TestIdempotencyKeysBelongToTokenName(t *testing.T) {
	s := newFixture(t)
	const other, renewed = "other-token-0000000", "renewed-token-00000"
	s.api.Tokens = admin.TokenList{
		admin.NewToken("webshop", admin.Write, writer), admin.NewToken("webshop", admin.Write, renewed), admin.NewToken("other", admin.Write, other),
	}
	issue := func(token, orderID string) (got issuedKeys) {
		s.Helper()
		s.read(s.order("order-1001", `{"count":1,"order_id":"`+orderID+`"}`, as(token)), http.StatusCreated, &got)
		return got
	}
	first, others, again := issue(writer, "o-1"), issue(other, "o-2"), issue(renewed, "o-1")
	if first.Codes[0] == others.Codes[0] || first.Codes[0] != again.Codes[0] || others.OrderID != "o-2" {
		t.Errorf("%+v, %+v, %+v", first, others, again)
	}
	s.stored(2)
}

// stored counts the keys.
func (s fixture) stored(want int) {
	s.Helper()
	list, err := s.store.Keys(s.Context(), adminstore.KeyFilter{}, adminstore.Page{Limit: want + 100_000})
	s.must(err)
	if n := len(list.Entries); n != want {
		s.Errorf("%d keys are stored, not %d", n, want)
	}
}

// TestSimultaneousOrders sends each of several orders many times simultaneously.
func TestSimultaneousOrders(t *testing.T) {
	s := newFixture(t)
	var all sync.Map // the order's body by its key
	var at sync.WaitGroup
	for i := range 200 {
		at.Go(func() {
			key := fmt.Sprint("hook-", i%4)
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/admin/v1/keys", strings.NewReader(`{"count":5,"order_id":"o"}`))
			r.Header = http.Header{"Authorization": {"Bearer " + writer}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}}
			s.api.ServeHTTP(w, r)
			if first, _ := all.LoadOrStore(key, w.Body.String()); w.Code != http.StatusCreated || first != w.Body.String() {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	at.Wait()
	s.stored(20)
}

func TestLargestOrder(t *testing.T) {
	s := newFixture(t)
	var got issuedKeys
	s.read(s.order("k", `{"count":10000,"order_id":"`+strings.Repeat("o", 1024)+`"}`), http.StatusCreated, &got)
	if len(got.Codes) != 10000 {
		t.Errorf("%d codes", len(got.Codes))
	}
	s.stored(10000)
}

func TestOrderNeedsIdempotencyKey(t *testing.T) {
	s := newFixture(t)
	const body = `{"count":1,"order_id":"o"}`
	for _, keys := range [][]string{nil, {""}, {"a", "a"}, {strings.Repeat("k", 256)}} {
		s.refused(s.send(http.MethodPost, "/keys", body, func(r *http.Request) { r.Header["Idempotency-Key"] = keys }), 400, "idempotency_key_missing")
	}
	s.stored(0)
}
