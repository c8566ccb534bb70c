package httpconnector_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

func open(t testing.TB, base string, o httpconnector.Options) *httpconnector.Connector {
	t.Helper()
	c, err := httpconnector.New(base, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// listen serves on loopback until the test ends.
func listen(t testing.TB, h http.HandlerFunc) (url string) {
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// serve returns a connector to a service with that handler.
func serve(t testing.TB, o httpconnector.Options, h http.HandlerFunc) *httpconnector.Connector {
	return open(t, listen(t, h), o)
}

func TestContract(t *testing.T) {
	connectortest.Run(t, func(t testing.TB) connectortest.Subject {
		p, silent := connectortest.NewProvider(t), connectortest.NewProvider(t)
		p.Token = "t0ken"
		silent.Hook = func(connectortest.Request) string { return "silent" }
		t.Cleanup(func() { p.CheckAll(t) })
		o := httpconnector.Options{Token: tasks.NewSecret(p.Token)}
		return connectortest.Subject{
			Connector: open(t, p.URL, o),
			Slow:      open(t, silent.URL, o),
			Login:     func(_ tasks.Kind, o tasks.Outcome) string { return string(o) + "@example.com" },
			Effects:   func(key string) int { return p.Effects()[key].Count },
		}
	})
}

// TestMisbehavingProvider calls a provider that misbehaves in each way, and repeats the attempt until the task is settled. In all
// cases the work must be done once.
func TestMisbehavingProvider(t *testing.T) {
	for _, c := range []struct {
		login string
		want  []tasks.Effect
		note  string // of the first attempt
	}{
		{"cut", []tasks.Effect{tasks.Unknown}, "connection lost"},
		{"cut_after", []tasks.Effect{tasks.Unknown}, "connection lost"},
		{"silent", []tasks.Effect{tasks.Unknown}, "no answer in 2s"},
		{"silent_after", []tasks.Effect{tasks.Unknown}, "no answer in 2s"},
		{"drip", []tasks.Effect{tasks.Unknown}, "no answer in 2s"},
		{"html_after", []tasks.Effect{tasks.Unknown}, "status 200, the answer is not JSON: it begins with <, as a page or a PHP notice does"},
		{"empty", []tasks.Effect{tasks.Unknown}, "status 200, the answer is empty"},
		{"truncated_after", []tasks.Effect{tasks.Unknown}, "connection lost"},
		{"huge_after", []tasks.Effect{tasks.Unknown}, "status 200, the answer is longer than 64 KiB"},
		{"no_outcome", []tasks.Effect{tasks.Unknown}, "status 200, the answer has no outcome"},
		{"redirect_after", []tasks.Effect{tasks.Unknown}, "status 307"},
		{"500_after", []tasks.Effect{tasks.Unknown}, "status 500"},
		{"503+202+429", []tasks.Effect{tasks.Unknown, tasks.Pending, tasks.None}, "status 503"},
		{"202_after", []tasks.Effect{tasks.Pending}, "status 202"},
		{"slow=50", nil, ""},
	} {
		t.Run(c.login, func(t *testing.T) {
			t.Parallel()
			p := connectortest.NewProvider(t)
			connector := open(t, p.URL, httpconnector.Options{Timeout: 2 * time.Second})
			o := connectortest.NewRequest(tasks.Upgrade, c.login+"+success@example.com")
			for i, want := range c.want {
				got := connector.Do(t.Context(), o)
				if got.Effect != want || (i == 0 && got.Note != c.note) {
					t.Errorf("attempt %d: %+v, want effect %d", i+1, got, want)
				}
				o.Attempt++
			}
			if got := connector.Do(t.Context(), o); got.Effect != tasks.Settled || got.Outcome != tasks.Success {
				t.Errorf("last attempt: %+v", got)
			}
			if n := p.Effects()[o.IdempotencyKey()].Count; n != 1 {
				t.Errorf("done %d times", n)
			}
			if n := len(p.Requests()); n != len(c.want)+1 {
				t.Errorf("%d requests for %d attempts", n, len(c.want)+1)
			}
			p.CheckAll(t)
		})
	}
}

func TestStatuses(t *testing.T) {
	special := map[int]tasks.Effect{
		200: tasks.Settled, 202: tasks.Pending,
		401: tasks.None, 403: tasks.None, 404: tasks.None, 408: tasks.None, 429: tasks.None,
	}
	status := 0
	c := serve(t, httpconnector.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/renew" {
			t.Errorf("%d: followed to %s", status, r.URL.Path)
		}
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			_, _ = fmt.Fprint(w, `{"outcome":"success"}`)
		}
	})
	for status = 200; status < 700; status++ {
		want, known := special[status]
		if !known && status/100 == 4 {
			want = tasks.Refused
		}
		got := c.Do(t.Context(), connectortest.NewRequest(tasks.Renew, "x"))
		if got.Effect != want {
			t.Errorf("%d: %+v, want effect %d", status, got, want)
		}
		if settled := status == http.StatusOK; !settled && (got.RetryAfter != 7*time.Second || got.Note != fmt.Sprint("status ", status)) {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestReadableResponses(t *testing.T) {
	for _, c := range []struct {
		body string
		want tasks.ConnectorResult // its note is not compared
	}{
		{`{"outcome":"success","username":"u","verify_address":"v"}`, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: "success", Username: "u", VerifyAddress: "v"}},
		{` {"more":[1],"outcome":"plan_full","username":null} `, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: "plan_full"}},
		{`{"outcome":"eaten_by_bears"}`, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: "eaten_by_bears"}},
		{`{"outcome":"success","username":"login@example.com"}`, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: "success"}},
		{`{"outcome":"success"}` + strings.Repeat(" ", 64<<10-21), tasks.ConnectorResult{Effect: tasks.Settled, Outcome: "success"}},
		{`{"outcome":"success"}` + strings.Repeat(" ", 64<<10-20), tasks.ConnectorResult{}},
	} {
		connector := serve(t, httpconnector.Options{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, c.body) })
		got := connector.Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "login@example.com"))
		got.Note = ""
		if got != c.want {
			t.Errorf("%.80q: %+v, want %+v", c.body, got, c.want)
		}
	}
}

func TestCancelled(t *testing.T) {
	started := make(chan struct{})
	c := serve(t, httpconnector.Options{}, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices a disconnect only after the body is read
		started <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	got := c.Do(ctx, connectortest.NewRequest(tasks.Renew, "x"))
	if got != (tasks.ConnectorResult{Effect: tasks.Unknown, Note: "cancelled"}) {
		t.Errorf("%+v", got)
	}
}

func ExampleNew() {
	service := httptest.NewServer(new(connectortest.Provider))
	defer service.Close()

	connector, err := httpconnector.New(service.URL, httpconnector.Options{Token: tasks.NewSecret("t0ken")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer connector.Close()

	request := tasks.ConnectorRequest{Task: "t1", Kind: tasks.Upgrade, Country: "US", Ordinal: 1, Attempt: 1}
	request.Account.Login = tasks.NewSecret("already_premium@example.com")
	fmt.Println(connector.Do(context.Background(), request).Outcome)
	// Output: already_premium
}

func TestBase(t *testing.T) {
	for base, want := range map[string]error{
		"https://service.example:8443/v1/": nil,
		"http://localhost:8080":            nil,
		"http://service.example":           httpconnector.ErrPlaintext,
		"https://u:s3cret@service.example": httpconnector.ErrBaseParts,
		"https://s3cret%zz.example":        httpconnector.ErrBase,
	} {
		c, err := httpconnector.New(base, httpconnector.Options{})
		if !errors.Is(err, want) || (c == nil) != (want != nil) {
			t.Errorf("%s: %v, want %v", base, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v quotes a secret", err)
		}
	}
	if _, err := httpconnector.New("http://10.0.0.1", httpconnector.Options{Plaintext: true}); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, token := range []string{"s3cret\n", "a s3cret", "s3crét", "s3cret\x00"} {
		_, err := httpconnector.New("https://service.example", httpconnector.Options{Token: tasks.NewSecret(token)})
		if !errors.Is(err, httpconnector.ErrToken) || strings.Contains(err.Error(), "s3cr") {
			t.Errorf("%q: %v", token, err)
		}
	}
	if _, err := httpconnector.New("https://service.example", httpconnector.Options{Timeout: -1}); !errors.Is(err, httpconnector.ErrTimeout) {
		t.Error(err)
	}
}
