package httpconnector_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

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
