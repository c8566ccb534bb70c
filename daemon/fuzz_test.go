package daemon_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/keyseat/keyseat/keys"
)

var queries = []string{
	"", "stock", "info=K", "info=%20K%09&utm=1&utm=2", "upgrade=K&login=l&pwd=p&country=US", "renew=K&login=l&pwd=longenough1&country=de&newemail=a@b.cd", "renew=K&login=l&pwd=longenough1&newpwd=longenough2&newpwd=other",
	"info=K&stock", "info=K&info=L", "info=%zz", "stock;", "info=%ff", "%ff=1&stock", "info=K&%69nfo=K",
}

// FuzzQuery checks that every query is either a valid call, which gets an answer of the documented form, or an error of
// the client, which gets a message. No query makes the daemon fail.
func FuzzQuery(f *testing.F) {
	for _, q := range queries {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		f := newFixture(t)
		r := f.send(http.MethodGet, "/API/?"+query, "")
		body := r.Body.String()
		if want := expected(query); r.Code != want {
			t.Fatalf("%q: %d %s, not %d", query, r.Code, body, want)
		}
		if !json.Valid([]byte(body)) || strings.ContainsAny(body, "\r\n") {
			t.Fatalf("%q: %q", query, body)
		}
	})
}

// FuzzForm checks that a form gets the same answer as the same query.
func FuzzForm(f *testing.F) {
	for _, q := range queries {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16_000 || text == "" {
			return // a form and a query have different limits of size, and an empty text is not a form
		}
		f := newFixture(t)
		form, query := f.send(http.MethodPost, "/API/", text), f.send(http.MethodGet, "/API/?"+text, "")
		if form.Code != query.Code || strings.ReplaceAll(form.Body.String(), "body", "query") != query.Body.String() {
			t.Fatalf("%q: as a form %d %s, as a query %d %s", text, form.Code, form.Body, query.Code, query.Body)
		}
	})
}

// FuzzInfo checks that an answer to info is equal to the output of encoding/json without HTML escaping.
func FuzzInfo(f *testing.F) {
	for _, text := range []string{"", "plain", "\"\\", "<&>", "\x00\x1f\x7f", "\u00fc \u65e5\u672c \u2028", "\xff"} {
		f.Add(text, "1 Main Street", int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, username, address string, bought int64) {
		at := time.Unix(bought%(200*365*24*3600), 5)
		f := newFixture(t)
		f.importKeys(keys.Key{Code: "K", Status: keys.Success, Used: true, Username: username, VerifyAddress: address, PurchaseDate: at})
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		f.must(encoder.Encode(struct {
			Status    string  `json:"status"`
			Message   string  `json:"message"`
			Username  string  `json:"username"`
			Address   string  `json:"verify_address"`
			Used      int     `json:"used"`
			Purchased string  `json:"purchase_date"`
			UsedDate  *string `json:"used_date"`
		}{"success", "", username, address, 1, at.UTC().Format(time.RFC3339), nil}))
		if got := f.get(url.Values{"info": {"K"}}); got+"\n" != want.String() {
			t.Errorf("%s\nnot %s", got, want.String())
		}
	})
}

// expected computes the expected HTTP status for a query, in a slow and simple way.
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
		case "login", "pwd", "newemail", "newpwd", "country":
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
