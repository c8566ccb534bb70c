package httpconnector_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

// A fakeService keeps the protocol, except for the duty that broken names.
type fakeService struct {
	broken string

	mu      sync.Mutex
	effects int
	answers map[string]string // by key; "": in progress
}

func (s *fakeService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Task    string `json:"task_id"`
		Kind    string `json:"kind"`
		Country string `json:"country"`
		Account struct {
			Login    string `json:"login"`
			Password string `json:"password"`
			NewEmail string `json:"new_email"`
			NewPwd   string `json:"new_password"`
		} `json:"account"`
		Plan any `json:"plan"`
	}
	d := json.NewDecoder(r.Body)
	if s.broken == "unknown fields" {
		d.DisallowUnknownFields()
	}
	err, key, duty := d.Decode(&b), r.Header.Get("Idempotency-Key"), s.broken
	switch {
	case r.Header.Get("Authorization") != "Bearer t0ken" && duty != "wrong token":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method != http.MethodPost && duty == "other method":
		s.respond(w, key, "success")
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case err != nil && duty == "invalid requests", b.Account.NewEmail != "" && duty == "renew to a new account",
		strings.Contains(b.Account.Password, "\u2028") && duty == "odd characters":
		w.WriteHeader(http.StatusInternalServerError)
	case err != nil, b.Account.Login == "", key == "" && duty != "missing key":
		w.WriteHeader(http.StatusBadRequest)
	case b.Kind == "renew" && duty == "renew":
		s.respond(w, key, "plan_full")
	case b.Kind == "renew" && duty == "secrets":
		_, _ = fmt.Fprintf(w, `{"outcome":"success","debug":%q}`, b.Account.Password)
	case duty == "next plan":
		s.work(w, r, b.Task, b.Account.Login)
	default:
		s.work(w, r, key, b.Account.Login)
	}
}

// work carries out the work of a key. It waits for work in progress.
func (s *fakeService) work(w http.ResponseWriter, r *http.Request, key, login string) {
	outcome, _, _ := strings.Cut(login, "@")
	switch {
	case s.broken == "upgrade" && r.URL.Path == "/upgrade":
		_, _ = fmt.Fprint(w, `{"result":"ok"}`)
		return
	case s.broken == "slowness" && r.URL.Path == "/renew":
		time.Sleep(520 * time.Millisecond)
	case login == httpconnector.TestLogin, s.broken == "outcomes":
		outcome = "invalid_credentials"
	case s.broken == "simultaneous requests", s.broken == "lost connection":
		if !s.start(w, key) {
			return
		}
		select {
		case <-time.After(60 * time.Millisecond):
		case <-r.Context().Done(): // and the key stays in progress
			return
		}
	}
	s.respond(w, key, outcome)
}

// start marks a key as in progress. If it is in progress already, start answers 409.
func (s *fakeService) start(w http.ResponseWriter, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, known := s.answers[key]
	if known && answer == "" {
		w.WriteHeader(http.StatusConflict)
		return false
	}
	s.answers[key] = answer
	return true
}

func (s *fakeService) respond(w http.ResponseWriter, key, outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers[key] == "" || s.broken == "repeated key" {
		s.effects++
		s.answers[key] = fmt.Sprintf(`{"outcome":%q,"username":"member %d"}`, outcome, s.effects)
	}
	_, _ = fmt.Fprint(w, s.answers[key])
}

// testAccounts are the accounts of a fake service that provoke an outcome.
var testAccounts = map[tasks.Outcome]string{
	tasks.Success: "success@example.com", tasks.PlanFull: "plan_full@example.com", tasks.StillPremium: "still_premium@example.com",
}

// testService returns the results of a test by the name of the check.
func testService(t testing.TB, h http.Handler, accounts map[tasks.Outcome]string, token string) map[string]httpconnector.ServiceCheck {
	t.Helper()
	c := open(t, listen(t, h.ServeHTTP), httpconnector.Options{Timeout: time.Second, Token: tasks.NewSecret(token)})
	all := map[string]httpconnector.ServiceCheck{}
	for check := range c.TestService(t.Context(), httpconnector.ServiceTest{Logins: accounts, Deadline: time.Millisecond}) {
		all[check.Name] = check
	}
	return all
}

func TestServiceThatKeepsTheProtocol(t *testing.T) {
	t.Parallel()
	for _, check := range testService(t, &fakeService{answers: map[string]string{}}, testAccounts, "t0ken") {
		if check.Verdict != httpconnector.Passed || check.Note != "" {
			t.Errorf("%+v", check)
		}
	}
}

// TestBrokenServices breaks a service in each way that a check must find.
func TestBrokenServices(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(testService(t, http.NotFoundHandler(), nil, ""))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := testService(t, &fakeService{broken: name, answers: map[string]string{}}, testAccounts, "t0ken")
			if got := all[name]; got.Verdict != httpconnector.Failed || got.Note == "" {
				t.Errorf("%+v", got)
			}
			for _, got := range all {
				if got.Verdict == httpconnector.Failed {
					t.Logf("%s: %s", got.Name, got.Note)
				}
			}
		})
	}
}

// TestSkippedChecks checks which checks need a token or test accounts. Without an answer to an upgrade, all others are skipped.
func TestSkippedChecks(t *testing.T) {
	t.Parallel()
	for name, check := range testService(t, &fakeService{broken: "wrong token", answers: map[string]string{}}, nil, "") {
		needsMore := name == "outcomes" || name == "next plan" || name == "wrong token"
		if want := map[bool]httpconnector.Verdict{false: httpconnector.Passed, true: httpconnector.Skipped}[needsMore]; check.Verdict != want {
			t.Errorf("%+v", check)
		}
	}
	for status, want := range map[int]string{
		http.StatusUnauthorized: "status 401: does the service have the same token?", http.StatusAccepted: "status 202 still after 1ms",
		http.StatusNotFound: "status 404: does the service have the path upgrade below", http.StatusBadGateway: "status 502: answer 200",
	} {
		for name, check := range testService(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), nil, "") {
			if name == "upgrade" && (check.Verdict != httpconnector.Failed || !strings.HasPrefix(check.Note, want)) ||
				name != "upgrade" && check.Verdict != httpconnector.Skipped {
				t.Errorf("%d: %+v", status, check)
			}
		}
	}
}
