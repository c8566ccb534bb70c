package httpconnector_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
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

var discardLog = log.New(io.Discard, "", 0)

// TestResultsContainNoSecret calls services that echo the request in each part of a response. Neither the results of the connector
// nor its log may contain a secret.
func TestResultsContainNoSecret(t *testing.T) {
	echoes := map[string]func(w http.ResponseWriter, body string){
		"outcome": func(w http.ResponseWriter, body string) { _, _ = fmt.Fprintf(w, `{"outcome":"odd","error":%q}`, body) },
		"page":    func(w http.ResponseWriter, body string) { _, _ = fmt.Fprint(w, body) },
		"error":   func(w http.ResponseWriter, body string) { http.Error(w, body, http.StatusBadRequest) },
		"location": func(w http.ResponseWriter, body string) {
			w.Header().Set("Location", "http://%zz/"+body)
			w.WriteHeader(302)
		},
		"retry after": func(w http.ResponseWriter, body string) { w.Header().Set("Retry-After", body); w.WriteHeader(503) },
		"status line": func(w http.ResponseWriter, body string) { raw(w, "HTTP/1.1 "+body+"\r\n\r\n") },
		"header":      func(w http.ResponseWriter, body string) { raw(w, "HTTP/1.1 200 OK\r\n"+body+"\r\n\r\n") },
		"status text": func(w http.ResponseWriter, body string) { raw(w, "HTTP/1.1 500 "+body+"\r\n\r\n") },
	}
	for name, echo := range echoes {
		var logged bytes.Buffer
		connector := serve(t, httpconnector.Options{
			Token:  tasks.NewSecret("t0ken-canary"),
			Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			echo(w, string(body)+r.Header.Get("Authorization"))
		})
		o := connectortest.NewRequest(tasks.Renew, "canary-login@example.com")
		got := connector.Do(t.Context(), o)
		output := fmt.Sprintf("%+v %s %+v", got, logged.String(), connector)
		if what := connectortest.FindLeak(output, o.Account); what != "" || strings.Contains(output, "t0ken") || strings.Contains(output, "/renew") {
			t.Errorf("%s: the %s is in %s", name, what, output)
		}
	}
}

func raw(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}
}

func TestLogsInvalidOutcomes(t *testing.T) {
	for login, want := range map[string]bool{
		"still_premium@example.com": true, // an outcome of renews only
		"odd_outcome@example.com":   true,
		"plan_full@example.com":     false,
		"503@example.com":           false,
	} {
		var logged bytes.Buffer
		p := connectortest.NewProvider(t)
		connector := open(t, p.URL, httpconnector.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		o := connectortest.NewRequest(tasks.Upgrade, login)
		connector.Do(t.Context(), o)
		if got := strings.Contains(logged.String(), "task="+o.Task); got != want || (logged.Len() > 0) != want {
			t.Errorf("%s: %q", login, logged.String())
		}
	}
}
