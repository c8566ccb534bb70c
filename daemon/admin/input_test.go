package admin_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestBadInput checks that invalid input is refused and changes nothing.
func TestBadInput(t *testing.T) {
	s := newFixture(t)
	s.plan("p", "US", 2)
	for _, c := range []struct {
		method, target, body string
		code                 int
		problem              string
	}{
		{"POST", "/keys", ``, 422, "field_invalid"},
		{"POST", "/keys", `{}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":0,"order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":-1,"order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":10001,"order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1e99,"order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1.5,"order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":"1","order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":7}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":""}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":null}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":null,"order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":"a\u0000b"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":"a\nb"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":"` + strings.Repeat("o", 1025) + `"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":"o","note":"\t"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":"o","Note":"n"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"COUNT":1,"order_id":"o"}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"order_id":"o","extra":1}`, 422, "field_invalid"},
		{"POST", "/keys", `{"count":1,"count":1,"order_id":"o"}`, 400, "body_malformed"},
		{"POST", "/keys", `{"count":1,"order_id":"o"}{}`, 400, "body_malformed"},
		{"POST", "/keys", `{"count":1,"order_id":"o"} x`, 400, "body_malformed"},
		{"POST", "/keys", `{"count":1,"order_id":"o"`, 400, "body_malformed"},
		{"POST", "/keys", `{"count":1,"order_id":"` + "\xff" + `"}`, 400, "body_malformed"},
		{"POST", "/keys", `[{"count":1,"order_id":"o"}]`, 400, "body_malformed"},
		{"POST", "/keys", `null`, 400, "body_malformed"},
		{"POST", "/keys", ` `, 400, "body_malformed"},
		{"POST", "/keys", strings.Repeat(" ", 64<<10) + "x", 413, "too_large"},
		{"PUT", "/plans/q", `{}`, 422, "field_invalid"},
		{"PUT", "/plans/q", `{"country":"US"}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"country":"UK"}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"country":null}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"slots":-1}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"slots":1000001}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"slots":null}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"address":"\u0007"}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"expires_at":"soon"}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"expires_at":"1969-12-31"}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"expires_at":5}`, 422, "field_invalid"},
		{"PUT", "/plans/p", `{"size":5}`, 422, "field_invalid"},
		{"PUT", "/plans/a%20b", `{"country":"US","slots":1}`, 404, "plan_not_found"},
		{"PUT", "/plans/" + strings.Repeat("p", 129), `{"country":"US","slots":1}`, 404, "plan_not_found"},
		{"PUT", "/plans/", `{"country":"US","slots":1}`, 404, "not_found"},
		{"POST", "/plans/q/retire", ``, 404, "plan_not_found"},
		{"POST", "/plans/p/retire", `{"x":1}`, 422, "field_invalid"},
		{"POST", "/keys/none/revoke", ``, 404, "key_not_found"},
		{"POST", "/keys/%00/revoke", ``, 404, "key_not_found"},
		{"POST", "/tasks/none/resolve", `{"outcome":"success"}`, 404, "task_not_found"},
		{"POST", "/tasks/%FF/retry", ``, 404, "task_not_found"},
		{"GET", "/keys?limit=0", ``, 400, "query_invalid"},
		{"GET", "/keys?limit=1001", ``, 400, "query_invalid"},
		{"GET", "/keys?limit=", ``, 400, "query_invalid"},
		{"GET", "/keys?limit=1&limit=1", ``, 400, "query_invalid"},
		{"GET", "/keys?status=", ``, 400, "query_invalid"},
		{"GET", "/keys?status=active,none", ``, 400, "query_invalid"},
		{"GET", "/keys?used=1", ``, 400, "query_invalid"},
		{"GET", "/keys?after=a%20b", ``, 400, "query_invalid"},
		{"GET", "/keys?Status=active", ``, 400, "query_invalid"},
		{"GET", "/keys?order_id=%zz", ``, 400, "query_invalid"},
		{"GET", "/keys?order_id=%FF", ``, 400, "query_invalid"},
		{"GET", "/keys?limit=1;limit=1", ``, 400, "query_invalid"},
		{"GET", "/plans?after=x", ``, 400, "query_invalid"},
		{"GET", "/plans?after=-1", ``, 400, "query_invalid"},
		{"GET", "/tasks?state=closed", ``, 400, "query_invalid"},
		{"GET", "/tasks?after=none", ``, 400, "query_invalid"},
		{"GET", "/", ``, 404, "not_found"},
		{"GET", "", ``, 404, "not_found"},
		{"GET", "/keys/a/b", ``, 404, "not_found"},
		{"GET", "/keys/", ``, 404, "not_found"},
		{"DELETE", "/keys/a", ``, 405, "method_not_allowed"},
		{"OPTIONS", "/stock", ``, 405, "method_not_allowed"},
	} {
		s.refused(s.send(c.method, c.target, c.body, with("Idempotency-Key", "k")), c.code, c.problem)
	}
	s.stored(0)
	if r := s.send("DELETE", "/keys", ""); r.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %s", r.header.Get("Allow"))
	}
	for target, names := range map[string]string{"/keys?Status=active": "after before limit sort status used", "/search?text=a": "these: q"} {
		if r := s.send("GET", target, ""); !strings.Contains(r.body, names) {
			t.Errorf("%s does not name the known parameters: %s", target, r.body)
		}
	}
	var plans struct{ Plans []struct{ Slots int } }
	s.get("/plans", &plans)
	if len(plans.Plans) != 1 || plans.Plans[0].Slots != 2 {
		t.Errorf("the plans have changed: %+v", plans)
	}
}

// TestMediaTypes checks that a body must have the media type of JSON.
func TestMediaTypes(t *testing.T) {
	s := newFixture(t)
	for media, code := range map[string]int{
		"application/json":                  http.StatusNoContent,
		"Application/JSON; charset=utf-8":   http.StatusNoContent,
		"":                                  http.StatusUnsupportedMediaType,
		"text/plain":                        http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"application/jsonx":                 http.StatusUnsupportedMediaType,
	} {
		if r := s.send("PUT", "/plans/p", `{"country":"us","slots":1}`, with("Content-Type", media)); r.code != code {
			t.Errorf("%q: %d %s", media, r.code, r.body)
		}
	}
}
