package httpconnector_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

// A received is a request as the service received it.
type received struct {
	method, url, body string
	header            http.Header
}

// record returns a connector to a service that responds with 503, and the requests that this service receives.
func record(t *testing.T, path string, o httpconnector.Options) (*httpconnector.Connector, *[]received) {
	var all []received
	return open(t, listen(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		all = append(all, received{r.Method, r.URL.String(), string(body), r.Header})
		w.WriteHeader(http.StatusServiceUnavailable)
	})+path, o), &all
}

func TestRequest(t *testing.T) {
	secret := tasks.NewSecret
	account := tasks.Account{Login: secret("anna@example.com"), Password: secret(`p"<&>é\ ` + "\u2028"), NewEmail: secret("new@example.com"), NewPassword: secret(`n"<&>`)}
	for _, c := range []struct {
		base    string
		request tasks.ConnectorRequest
		url     string
		body    string
	}{
		{
			"",
			tasks.ConnectorRequest{Kind: tasks.Upgrade, Plan: tasks.PlanSnapshot{ID: "p1", Address: "1 Main St", Invite: "https://i.example/?a=1&b=2"}},
			"/upgrade",
			`{"task_id":"T1","kind":"upgrade","country":"US","account":{"login":"anna@example.com","password":"p\"<&>é\\ \u2028"},"plan":{"id":"p1","address":"1 Main St","invite":"https://i.example/?a=1&b=2"}}`,
		},
		{
			"/v1/",
			tasks.ConnectorRequest{Kind: tasks.Upgrade, Plan: tasks.PlanSnapshot{ID: "p1"}},
			"/v1/upgrade",
			`{"task_id":"T1","kind":"upgrade","country":"US","account":{"login":"anna@example.com","password":"p\"<&>é\\ \u2028"},"plan":{"id":"p1","address":"","invite":""}}`,
		},
		{
			"/a%20b",
			tasks.ConnectorRequest{Kind: tasks.Renew},
			"/a%20b/renew",
			`{"task_id":"T1","kind":"renew","country":"US","account":{"login":"anna@example.com","password":"p\"<&>é\\ \u2028","new_email":"new@example.com","new_password":"n\"<&>"}}`,
		},
	} {
		connector, got := record(t, c.base, httpconnector.Options{Token: secret("t0ken")})
		o := c.request
		o.Task, o.Country, o.Ordinal, o.Account = "T1", "US", 2, account
		for o.Attempt = 3; o.Attempt <= 4; o.Attempt++ {
			connector.Do(t.Context(), o)
		}
		if len(*got) != 2 {
			t.Fatalf("%d requests", len(*got))
		}
		for i, attempt := range []string{"3", "4"} {
			r := (*got)[i]
			if r.method != http.MethodPost || r.url != c.url || r.body != c.body {
				t.Errorf("got  %s %s\n%s\nwant %s\n%s", r.method, r.url, r.body, c.url, c.body)
			}
			want := map[string]string{
				"Content-Type": "application/json", "Authorization": "Bearer t0ken",
				"Idempotency-Key": "T1-2", "Keyseat-Attempt": attempt, "User-Agent": "keyseat",
			}
			for name := range want {
				if v := r.header.Get(name); v != want[name] {
					t.Errorf("%s: %q, want %q", name, v, want[name])
				}
			}
			delete(r.header, "Content-Length")
			if len(r.header) != len(want) {
				t.Errorf("headers %q", slices.Sorted(maps.Keys(r.header)))
			}
		}
	}
}

func TestEmptyFieldsAreOmitted(t *testing.T) {
	connector, got := record(t, "", httpconnector.Options{})
	connector.Do(t.Context(), tasks.ConnectorRequest{Task: "T1", Kind: tasks.Renew, Country: "DE", Ordinal: 1, Attempt: 1})
	connector.Do(t.Context(), tasks.ConnectorRequest{Task: "T1", Kind: tasks.Renew, Ordinal: 1, Attempt: 1})
	for i, want := range []string{
		`{"task_id":"T1","kind":"renew","country":"DE","account":{"login":"","password":""}}`,
		`{"task_id":"T1","kind":"renew","account":{"login":"","password":""}}`,
	} {
		if r := (*got)[i]; r.body != want || len(r.header["Authorization"]) != 0 {
			t.Errorf("%+v", r)
		}
	}
}
