package daemon_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var queries = []string{
	"", "stock", "info=K", "info=%20K%09&utm=1&utm=2", "upgrade=K&login=l&pwd=p&country=US", "renew=K&login=l&pwd=longenough1&country=de&newemail=a@b.cd",
	"info=K&stock", "info=K&info=L", "info=%zz", "stock;", "info=%ff", "%ff=1&stock", "info=K&%69nfo=K",
}

// FuzzQuery holds that any query is either one call, with an answer of the documented form, or a fault
// of the client's, told plainly, and that nothing in it breaks the daemon.
func FuzzQuery(f *testing.F) {
	for _, q := range queries {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		s := open(t)
		r := s.ask(http.MethodGet, "/API/?"+query, "")
		body := r.Body.String()
		if want := expected(query); r.Code != want {
			t.Fatalf("%q: %d %s, not %d", query, r.Code, body, want)
		}
		if !json.Valid([]byte(body)) || strings.ContainsAny(body, "\r\n") {
			t.Fatalf("%q: %q", query, body)
		}
	})
}

// FuzzForm holds that a form is answered as the same query is.
func FuzzForm(f *testing.F) {
	for _, q := range queries {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16_000 || text == "" {
			return // past the limits they differ, and nothing at all is no form
		}
		s := open(t)
		form, query := s.ask(http.MethodPost, "/API/", text), s.ask(http.MethodGet, "/API/?"+text, "")
		if form.Code != query.Code || strings.ReplaceAll(form.Body.String(), "body", "query") != query.Body.String() {
			t.Fatalf("%q: as a form %d %s, as a query %d %s", text, form.Code, form.Body, query.Code, query.Body)
		}
	})
}

// expected is the status of a query, found the slow way.
func expected(query string) int {
	if len("/API/?"+query) > 16<<10 {
		return http.StatusRequestURITooLong
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return http.StatusBadRequest
	}
	calls := 0
	for name, all := range values {
		if !utf8.ValidString(name) || slices.ContainsFunc(all, func(s string) bool { return !utf8.ValidString(s) }) {
			return http.StatusBadRequest
		}
		switch name {
		case "info", "stock", "upgrade", "renew":
			calls++
		case "login", "pwd", "newemail", "country":
		default:
			continue
		}
		for _, other := range all {
			if other != all[0] {
				return http.StatusBadRequest
			}
		}
	}
	if calls != 1 {
		return http.StatusBadRequest
	}
	return http.StatusOK
}
