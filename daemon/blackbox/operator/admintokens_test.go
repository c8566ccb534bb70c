package operator_test

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestAdminTokenRoles checks what each role allows, that a change of the file of tokens works immediately, and that
// every write is logged.
func TestAdminTokenRoles(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		o, file := s.ServeAdmin()
		can := func(token string, code int, method, target string) {
			t.Helper()
			as := *o
			as.Token = token
			if a := as.Call(method, target, ""); a.Code != code {
				s.Errorf("%s %s: %d %s", method, target, a.Code, a.Body)
			}
		}
		can(o.Token, 200, "POST", "/keys/K/revoke")
		can("", 401, "GET", "/keys")
		can(o.Token+"x", 401, "GET", "/keys")
		reader := s.AddToken(file, "board", "read")
		can(reader, 200, "GET", "/keys/K")
		can(reader, 403, "POST", "/keys/K/restore")
		text, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(text), reader) {
			s.Errorf("%s, %v", text, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("%v, %v", info, err)
		}
		newer := s.AddToken(file, "webshop-2", "write")
		can(newer, 200, "POST", "/keys/K/restore")
		text, _ = os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), "\n") // without the first token
		if err := os.WriteFile(file, []byte(rest), 0o600); err != nil {
			s.Fatal(err)
		}
		can(o.Token, 401, "GET", "/keys")
		can(newer, 200, "GET", "/keys")
		s.Eventually("the audit log is there", func() bool { return strings.Count(o.Logs.Tail(), `"action":"POST`) >= 3 })
		log := o.Logs.Tail()
		for _, secret := range []string{o.Token, reader, newer} {
			if strings.Contains(log, secret) {
				s.Errorf("the log contains a token")
			}
		}
		for _, part := range []string{`"token":"webshop"`, `"token":"board"`, `"action":"POST /admin/v1/keys/{code}/revoke"`, `"key":"`} {
			if !strings.Contains(log, part) {
				s.Errorf("the log has no %s", part)
			}
		}
	})
}

// TestAdminAPIReportsBadInput checks the problem in the response to each invalid request.
func TestAdminAPIReportsBadInput(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("a//b", "..", "a?b", "%")
		o, _ := s.ServeAdmin()
		for _, code := range []string{"a%2F%2Fb", "%2E%2E", "a%3Fb", "%25"} {
			var k adminKey
			o.Read(&k, "/keys/"+code)
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
			o.ExpectProblem(o.Call(c.method, c.target, c.body, "Idempotency-Key", "k"), c.code, c.problem)
		}
		o.ExpectProblem(o.Call("PUT", "/plans/p", `{}`, "Content-Type", "text/plain"), 415, "unsupported_media_type")
		if n := strings.Count(s.MustExec("keys", "export"), "\n"); n != 5 {
			s.Errorf("%d lines are exported", n)
		}
	})
}

// TestAdminAPINeedsTokenFile checks that a daemon without a file of admin tokens has no admin API. The public listener
// never has the admin API. A daemon does not start if the file has no valid token.
func TestAdminAPINeedsTokenFile(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	d := s.Serve()
	if a, err := d.Send("GET", d.AdminURL+"/admin/v1/openapi.json", "", nil); err != nil || a.Code != 404 {
		t.Errorf("%d, %v", a.Code, err)
	}
	d.Stop()
	o, file := s.ServeAdmin()
	if a := o.Do("GET", "/admin/v1/openapi.json", "", nil); a.Code != 404 {
		t.Errorf("%d", a.Code)
	}
	o.Stop()
	for text, want := range map[string]string{"": "no token", "# none\n": "no token", "webshop all sha256:00\n": "line 1: a role is"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := s.Exec("serve", "--connector", "sim", "--admin-token-file", file); r.Code != 1 || !strings.Contains(r.Err, want) {
			t.Errorf("%q: %+v", text, r)
		}
	}
	if r := s.Exec("serve", "--connector", "sim", "--admin-token-file", file, "--admin-listen="); r.Code != 2 {
		t.Errorf("%+v", r)
	}
	for _, args := range [][]string{{"--name", "a b", "--role", "read"}, {"--name", "a", "--role", "all"}, {"--role", "read"}} {
		if r := s.Exec(append([]string{"admin-token", "add", "new"}, args...)...); r.Code != 2 {
			t.Errorf("%q: %+v", args, r)
		}
	}
}
