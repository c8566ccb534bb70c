package httpconnector

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/tasks"
)

// TestLogin is the login of the made-up account that a [ServiceTest] sends. TestPlan is the id of its made-up plan.
const (
	TestLogin = "keyseat-test@example.com"
	TestPlan  = "keyseat-test"
)

// A ServiceTest tests whether a live service keeps the protocol of this package. It sends tasks that no holder has
// requested, for the account [TestLogin] and for the accounts in Logins. The passwords and the plan are made up.
type ServiceTest struct {
	// Logins has logins of test accounts, by the outcome that the service gives to their tasks.
	Logins map[tasks.Outcome]string

	// Deadline limits the repetitions of one request while the service answers 202.
	Deadline time.Duration
}

// A Verdict is the result of one check of a [ServiceTest].
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "ok"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
)

// A ServiceCheck is one check of a [ServiceTest] with its result. The note describes what to fix, or why the check was
// skipped.
type ServiceCheck struct {
	Name    string  `json:"check"`
	Verdict Verdict `json:"result"`
	Note    string  `json:"note"`
}

type serviceRun struct {
	ServiceTest
	connector *Connector

	mu      sync.Mutex
	slowest time.Duration // of all calls
	leaked  string        // the name of a secret that an answer contained
}

// skipped is the reason why a check cannot run.
type skipped string

func (s skipped) Error() string { return string(s) }

func (s *serviceRun) request(kind tasks.Kind, login string) tasks.ConnectorRequest {
	r := tasks.ConnectorRequest{Task: rand.Text(), Kind: kind, Ordinal: 1, Attempt: 1}
	r.Account.Login, r.Account.Password = tasks.NewSecret(login), tasks.NewSecret("made-up-"+rand.Text())
	if kind == tasks.Upgrade {
		r.Country = "US"
		r.Plan = tasks.PlanSnapshot{ID: TestPlan, Address: "1 Test Street", Invite: "https://example.com/invite/keyseat-test"}
	}
	return r
}

// A reply is the service's answer to one request. Its status is 0 if the service has sent no answer.
type reply struct {
	tasks.ConnectorResult
	status int
}

// send sends one request and returns the answer. If the function edit is not nil, it changes the HTTP request first.
func (s *serviceRun) send(ctx context.Context, r tasks.ConnectorRequest, edit func(*retryablehttp.Request) error) reply {
	c := s.connector
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, timeoutError(c.timeout))
	defer cancel()
	ctx, _ = httpclient.WithTrace(ctx)
	request, err := c.newRequest(ctx, r)
	if err == nil && edit != nil {
		err = edit(request)
		request.GetBody = nil // edit may have set it, and net/http would then repeat the request itself
	}
	if err != nil {
		return reply{tasks.ConnectorResult{Note: "the request cannot be encoded"}, 0}
	}
	start := time.Now()
	response, err := c.client.Do(request)
	defer discard(response)
	if err != nil {
		s.record(r, "", time.Since(start))
		return reply{tasks.ConnectorResult{Effect: tasks.Unknown, Note: describeError(ctx, err)}, 0}
	}
	var text strings.Builder
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(response.Body, &text), response.Body}
	answer := reply{interpret(ctx, response), response.StatusCode}
	s.record(r, text.String(), time.Since(start))
	return answer
}

// sendEdited sends an upgrade. The function edit changes the HTTP request first.
func (s *serviceRun) sendEdited(ctx context.Context, edit func(*retryablehttp.Request) error) reply {
	return s.send(ctx, s.request(tasks.Upgrade, TestLogin), edit)
}

// record records the duration of a call, and whether the text of its answer contains a secret of the request.
func (s *serviceRun) record(r tasks.ConnectorRequest, text string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, took)
	for name, secret := range map[string]tasks.Secret{
		"login": r.Account.Login, "password": r.Account.Password, "new email": r.Account.NewEmail, "new password": r.Account.NewPassword,
	} {
		if secret.Reveal() != "" && strings.Contains(text, secret.Reveal()) {
			s.leaked = name
		}
	}
}

// The bounds of the pause before a request is repeated, whatever pause the service demands.
const (
	minServicePause = 100 * time.Millisecond
	maxServicePause = 10 * time.Second
)

// do sends a request, repeats it while the service answers 202 or 429, and returns the result of the last answer. If
// that answer has no outcome of the task's kind, do returns an error.
func (s *serviceRun) do(ctx context.Context, r tasks.ConnectorRequest, edit func(*retryablehttp.Request) error) (tasks.ConnectorResult, error) {
	for end := time.Now().Add(s.Deadline); ; r.Attempt++ {
		answer := s.send(ctx, r, edit)
		if answer.status != http.StatusAccepted && answer.status != http.StatusTooManyRequests {
			return answer.ConnectorResult, answer.readable(r.Kind)
		}
		if time.Now().After(end) {
			return answer.ConnectorResult, fmt.Errorf("status %d still after %v: end the work, and answer 200 with its outcome", answer.status, s.Deadline)
		}
		_ = clock.Sleep(ctx, min(max(answer.RetryAfter, minServicePause), maxServicePause)) // if ctx has ended, the next attempt fails
	}
}

// readable returns an error unless the answer has an outcome of a task of that kind.
func (a reply) readable(kind tasks.Kind) error {
	switch {
	case a.Effect == tasks.Settled && a.Outcome.Fits(kind):
		return nil
	case a.Effect == tasks.Settled:
		return fmt.Errorf("%.40q is no outcome of the kind %s, and keyseat takes it for system_error", a.Outcome, kind)
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fmt.Errorf("%s: does the service have the same token?", a.Note)
	case a.status == http.StatusNotFound:
		return fmt.Errorf("%s: does the service have the path %s below this URL?", a.Note, kind)
	case a.status == http.StatusOK:
		return fmt.Errorf(`%s: answer {"outcome":"…"}`, a.Note)
	case a.status == 0:
		return fmt.Errorf("%s", a.Note)
	}
	return fmt.Errorf("%s: answer 200 with an outcome such as invalid_credentials", a.Note)
}

// refused returns an error unless the answer is a 4xx that ends a task. The error begins with the description of the
// request.
func (a reply) refused(description string) error {
	if a.Effect == tasks.Refused {
		return nil
	}
	if a.Effect == tasks.Settled {
		return fmt.Errorf("%s got the outcome %.40q: answer 400", description, a.Outcome)
	}
	return fmt.Errorf("%s got %s, so keyseat would repeat it: answer 400", description, a.Note)
}

// login returns the login of the test account whose tasks succeed, or else [TestLogin]. Success is better for a check,
// because only an answer with success has a username.
func (s *serviceRun) login() string { return cmp.Or(s.Logins[tasks.Success], TestLogin) }

// wantRepeated sends an answered request two more times. It returns an error unless it gets the first answer each time.
func (s *serviceRun) wantRepeated(ctx context.Context, r tasks.ConnectorRequest, first tasks.ConnectorResult) error {
	for range 2 {
		r.Attempt++
		if again := s.send(ctx, r, nil); again.ConnectorResult != first {
			return fmt.Errorf("the same key got %s, then %s: store each answer with its Idempotency-Key, and send it again",
				describeResult(first), describeResult(again.ConnectorResult))
		}
	}
	return nil
}

func describeResult(r tasks.ConnectorResult) string {
	switch {
	case r.Effect != tasks.Settled:
		return r.Note
	case r.Username == "" && r.VerifyAddress == "":
		return string(r.Outcome)
	}
	return fmt.Sprintf("%s (username %.40q, verify_address %.40q)", r.Outcome, r.Username, r.VerifyAddress)
}
