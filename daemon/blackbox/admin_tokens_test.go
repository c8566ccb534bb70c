package blackbox_test

import (
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestAdminTokens holds that a role bounds what a token is good for, that a file of tokens is believed
// as it is now, and that every write is told in the log.
func TestAdminTokens(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K")
		o, file := s.administered()
		can := func(token string, code int, method, target string) {
			t.Helper()
			as := *o
			as.token = token
			if a := as.do(method, target, ""); a.code != code {
				s.Errorf("%s %s: %d %s", method, target, a.code, a.body)
			}
		}
		can(o.token, 200, "POST", "/keys/K/revoke")
		can("", 401, "GET", "/keys")
		can(o.token+"x", 401, "GET", "/keys")
		reader := s.token(file, "board", "read")
		can(reader, 200, "GET", "/keys/K")
		can(reader, 403, "POST", "/keys/K/restore")
		text, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(text), reader) {
			s.Errorf("%s, %v", text, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("%v, %v", info, err)
		}
		newer := s.token(file, "webshop-2", "write")
		can(newer, 200, "POST", "/keys/K/restore")
		text, _ = os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), "\n") // without the first token
		if err := os.WriteFile(file, []byte(rest), 0o600); err != nil {
			s.Fatal(err)
		}
		can(o.token, 401, "GET", "/keys")
		can(newer, 200, "GET", "/keys")
		s.until("the audit log is there", func() bool { return strings.Count(o.log.tail(), `"action":"POST`) >= 3 })
		log := o.log.tail()
		for _, secret := range []string{o.token, reader, newer} {
			if strings.Contains(log, secret) {
				s.Errorf("the log tells a token")
			}
		}
		for _, part := range []string{`"token":"webshop"`, `"token":"board"`, `"action":"POST /admin/v1/keys/{code}/revoke"`, `"key":"`} {
			if !strings.Contains(log, part) {
				s.Errorf("the log has no %s", part)
			}
		}
	})
}

// TestAdminBadInput holds that what is wrong is told as a problem, by the daemon's own mux too.
func TestAdminBadInput(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("a//b", "..", "a?b", "%")
		o, _ := s.administered()
		for _, code := range []string{"a%2F%2Fb", "%2E%2E", "a%3Fb", "%25"} {
			var k shownKey
			o.reads(&k, "/keys/"+code)
			if want, _ := url.PathUnescape(code); k.Code != want {
				s.Errorf("%s: %+v", code, k)
			}
		}
		for _, c := range []struct {
			method, target, body string
			code                 int
			problem              string
		}{
			{"POST", "/keys", `{"count":0,"order_id":"o"}`, 422, "field_invalid"},
			{"POST", "/keys", `{"count":10001,"order_id":"o"}`, 422, "field_invalid"},
			{"POST", "/keys", `{"count":1,"order_id":"o","x":1}`, 422, "field_invalid"},
			{"POST", "/keys", `{"count":1`, 400, "body_malformed"},
			{"POST", "/keys", strings.Repeat(" ", 65<<10), 413, "too_large"},
			{"PUT", "/plans/p", `{"country":"US"}`, 422, "field_invalid"},
			{"PUT", "/plans/p", `{"country":"UK","slots":1}`, 422, "field_invalid"},
			{"POST", "/plans/p/retire", ``, 404, "plan_not_found"},
			{"POST", "/keys/none/revoke", ``, 404, "key_not_found"},
			{"POST", "/tasks/none/retry", ``, 404, "task_not_found"},
			{"POST", "/tasks/a%27b/release", ``, 404, "task_not_found"},
			{"GET", "/keys?limit=x", ``, 400, "query_invalid"},
			{"GET", "/keys?none=1", ``, 400, "query_invalid"},
		} {
			o.refused(o.do(c.method, c.target, c.body, "Idempotency-Key", "k"), c.code, c.problem)
		}
		o.refused(o.do("PUT", "/plans/p", `{}`, "Content-Type", "text/plain"), 415, "unsupported_media_type")
		if n := strings.Count(s.must("keys", "export"), "\n"); n != 5 {
			s.Errorf("%d lines are exported", n)
		}
	})
}

// TestNoAdminAPI holds that there is none where nobody asks for it, none on the public listener, and
// no daemon that would let nobody in.
func TestNoAdminAPI(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	d := s.serve()
	if a, err := d.try("GET", d.admin+"/admin/v1/openapi.json", "", nil); err != nil || a.code != 404 {
		t.Errorf("%d, %v", a.code, err)
	}
	d.stop()
	o, file := s.administered()
	if a := o.ask("GET", "/admin/v1/openapi.json", "", nil); a.code != 404 {
		t.Errorf("%d", a.code)
	}
	o.stop()
	for text, want := range map[string]string{"": "no token", "# none\n": "no token", "webshop all sha256:00\n": "line 1: a role is"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := s.cli("serve", "--connector", "sim", "--admin-token-file", file); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%q: %+v", text, r)
		}
	}
	if r := s.cli("serve", "--connector", "sim", "--admin-token-file", file, "--admin-listen="); r.code != 2 {
		t.Errorf("%+v", r)
	}
	for _, args := range [][]string{{"--name", "a b", "--role", "read"}, {"--name", "a", "--role", "all"}, {"--role", "read"}} {
		if r := s.cli(append([]string{"admin-token", "add", "new"}, args...)...); r.code != 2 {
			t.Errorf("%q: %+v", args, r)
		}
	}
}
