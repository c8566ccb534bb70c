package httpconnector_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

// respondWith returns a connector whose service returns the given response, without a network.
func respondWith(t testing.TB, status int, h http.Header, body io.Reader) *httpconnector.Connector {
	return open(t, "https://service.example", httpconnector.Options{Transport: roundTripper(
		func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body)}, nil
		},
	)})
}

// endless is a body without end that counts the bytes read from it.
type endless int

func (e *endless) Read(p []byte) (int, error) {
	*e += endless(len(p))
	return copy(p, strings.Repeat(" ", len(p))), nil
}

func TestReadsAtMost64KiB(t *testing.T) {
	for _, status := range []int{200, 202, 400, 503} {
		var body endless
		respondWith(t, status, nil, &body).Do(t.Context(), connectortest.NewRequest(tasks.Renew, "x"))
		if body > 64<<10+1 {
			t.Errorf("%d: %d bytes were read", status, body)
		}
	}
}

// FuzzResponse checks that only a readable 200 settles a task, and that results quote no response.
func FuzzResponse(f *testing.F) {
	f.Add(200, "", `{"outcome":"success","username":"u"}`)
	f.Add(200, "5", `{"outcome":"success"`)
	f.Add(202, "Fri, 31 Dec 1999 23:59:59 GMT", "")
	f.Add(503, "-1", "<html>")
	f.Add(404, "99999999999999999999", "null")
	notes := regexp.MustCompile(`^(|status -?\d+|a task of this kind cannot have this outcome|status 200, the answer (is longer than 64 KiB|is empty|is not JSON(: it begins with <, as a page or a PHP notice does)?|is JSON(,? [a-z ]+)|has a field that is not text|has no outcome))$`)
	f.Fuzz(func(t *testing.T, status int, after, body string) {
		c := respondWith(t, status, http.Header{"Retry-After": {after}}, strings.NewReader(body))
		got := c.Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "login@example.com"))
		readable := status == http.StatusOK && len(body) <= 64<<10 && json.Valid([]byte(strings.TrimPrefix(body, "\ufeff")))
		if settled := got.Effect == tasks.Settled; settled != (got.Outcome != "") || (settled && !readable) {
			t.Errorf("%+v", got)
		}
		if (got.Effect == tasks.Pending) != (status == http.StatusAccepted) || got.RetryAfter < 0 || !notes.MatchString(got.Note) {
			t.Errorf("%+v", got)
		}
	})
}

// TestUnreadableResponses checks that a byte order mark is skipped. It also checks that a note names the error in a
// response without quoting the response.
func TestUnreadableResponses(t *testing.T) {
	t.Parallel()
	good := `{"outcome":"success","username":"u"}`
	for body, want := range map[string]string{
		good: "", "\ufeff" + good: "", "\r\n\n" + good: "",
		"": "is empty", " \n": "is empty", "\ufeff": "is empty",
		"<br />\n<b>Notice</b>: pwd=hunter2" + good: "is not JSON: it begins with <, as a page or a PHP notice does",
		"Notice: hunter2\n" + good:                  "is not JSON",
		good + "\n<!-- hunter2 -->":                 "is JSON with something after it",
		good[:20]:                                   "is JSON that ends too early",
		`["hunter2"]`:                               "is JSON, but not an object",
		`{"outcome":7}`:                             "has a field that is not text",
		`{"hunter2":"x"}`:                           "has no outcome",
		`{"outcome":""}`:                            "has no outcome", `{"outcome":null}`: "has no outcome", `null`: "has no outcome",
		`"success"`:                          "is JSON, but not an object",
		`{"outcome":"success","username":1}`: "has a field that is not text",
		"\ufeff\ufeff" + good:                "is not JSON",
	} {
		got := respondWith(t, 200, nil, strings.NewReader(body)).Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "x"))
		if want == "" {
			if got.Effect != tasks.Settled || got.Outcome != tasks.Success || got.Username != "u" {
				t.Errorf("%q: %+v", body, got)
			}
			continue
		}
		if got.Effect != tasks.Unknown || got.Note != "status 200, the answer "+want {
			t.Errorf("%q: %+v, want %s", body, got, want)
		}
	}
}
