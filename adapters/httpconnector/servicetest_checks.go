package httpconnector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/tasks"
)

// TestService runs the checks of a test against the connector's service, one after another. If the service carries
// out no upgrade, TestService skips the other checks.
func (c *Connector) TestService(ctx context.Context, t ServiceTest) iter.Seq[ServiceCheck] {
	return func(yield func(ServiceCheck) bool) {
		s := &serviceRun{ServiceTest: t, connector: c}
		unusable := false
		for i, check := range serviceChecks {
			err := error(skipped("the check needs a service that answers an upgrade"))
			if !unusable {
				err = check.run(s, ctx)
			}
			result := newServiceCheck(check.name, err)
			unusable = unusable || i == 0 && result.Verdict == Failed
			if ctx.Err() != nil || !yield(result) {
				return
			}
		}
	}
}

func newServiceCheck(name string, err error) ServiceCheck {
	if err == nil {
		return ServiceCheck{name, Passed, ""}
	}
	if _, is := err.(skipped); is { //nolint:errorlint // no check wraps it
		return ServiceCheck{name, Skipped, err.Error()}
	}
	return ServiceCheck{name, Failed, err.Error()}
}

// serviceChecks has a check for each duty of a service. An error describes what to fix, or is [skipped]. The last two
// checks judge all answers to the other checks.
var serviceChecks = []struct {
	name string
	run  func(*serviceRun, context.Context) error
}{
	{"upgrade", endsTask(tasks.Upgrade, unedited)},
	{"renew", endsTask(tasks.Renew, unedited)},
	{"renew to a new account", endsTask(tasks.Renew, withNewAccount)},
	{"outcomes", (*serviceRun).checkOutcomes},
	{"repeated key", (*serviceRun).checkRepeated},
	{"simultaneous requests", (*serviceRun).checkSimultaneous},
	{"lost connection", (*serviceRun).checkLostConnection},
	{"next plan", (*serviceRun).checkNextPlan},
	{"unknown fields", (*serviceRun).checkUnknownFields},
	{"odd characters", endsTask(tasks.Upgrade, withOddCharacters)},
	{"invalid requests", (*serviceRun).checkInvalidRequests},
	{"missing key", (*serviceRun).checkMissingKey},
	{"other method", (*serviceRun).checkMethod},
	{"wrong token", (*serviceRun).checkToken},
	{"slowness", (*serviceRun).checkSlowness},
	{"secrets", (*serviceRun).checkSecrets},
}

// endsTask returns a check that sends a task of a made-up account, and fails unless the task ends. The function edit
// changes the request before it is sent.
func endsTask(kind tasks.Kind, edit func(*tasks.ConnectorRequest)) func(*serviceRun, context.Context) error {
	return func(s *serviceRun, ctx context.Context) error {
		r := s.request(kind, TestLogin)
		edit(&r)
		_, err := s.do(ctx, r, nil)
		return err
	}
}

func unedited(*tasks.ConnectorRequest) {}

func withNewAccount(r *tasks.ConnectorRequest) {
	r.Country, r.Account.NewEmail, r.Account.NewPassword = "US", tasks.NewSecret("new-"+TestLogin), tasks.NewSecret("new-"+r.Task)
}

func withOddCharacters(r *tasks.ConnectorRequest) {
	r.Account.Password = tasks.NewSecret("\u00e9 \u2028 \U0001f511 \"quote\" 'quote' \\ <&> %41 \x7f;--" + r.Task)
	r.Plan.Address = "Straße 1 “A”, 東京"
}

// checkOutcomes checks that the tasks of the test accounts end with the outcomes that Logins names.
func (s *serviceRun) checkOutcomes(ctx context.Context) error {
	if len(s.Logins) == 0 {
		return skipped("no login of a test account was given")
	}
	for _, want := range slices.Sorted(maps.Keys(s.Logins)) {
		for _, kind := range tasks.Kinds() {
			if !want.Fits(kind) {
				continue
			}
			got, err := s.do(ctx, s.request(kind, s.Logins[want]), nil)
			if err == nil && got.Outcome != want {
				err = fmt.Errorf("the outcome is %s", got.Outcome)
			}
			if err != nil {
				return fmt.Errorf("a task of kind %s that should end with %s: %w", kind, want, err)
			}
		}
	}
	return nil
}

func (s *serviceRun) checkRepeated(ctx context.Context) error {
	r := s.request(tasks.Upgrade, s.login())
	first, err := s.do(ctx, r, nil)
	if err != nil {
		return err
	}
	return s.wantRepeated(ctx, r, first)
}

// checkSimultaneous checks that simultaneous requests with one key get one answer, or a 202 or 429 while the work goes on.
func (s *serviceRun) checkSimultaneous(ctx context.Context) error {
	r := s.request(tasks.Upgrade, s.login())
	answers := make([]reply, 4)
	var group sync.WaitGroup
	for i := range answers {
		attempt := r
		attempt.Attempt += i
		group.Go(func() { answers[i] = s.send(ctx, attempt, nil) })
	}
	group.Wait()
	r.Attempt += len(answers)
	last, err := s.do(ctx, r, nil)
	for _, a := range answers {
		switch {
		case err != nil:
			return err
		case a.Effect == tasks.Settled && a.ConnectorResult != last:
			return fmt.Errorf("simultaneous requests with one key got %s and %s: carry out the work once, and let the others wait or get a 202",
				describeResult(a.ConnectorResult), describeResult(last))
		case a.Effect == tasks.Refused:
			return fmt.Errorf("%s while another request has the key, and that ends the task: answer 202", a.Note)
		case a.Effect == tasks.Unknown:
			return fmt.Errorf("%s while another request has the key: answer 202", a.Note)
		}
	}
	return nil
}

// hangUp is the time after which the test cuts a connection.
const hangUp = 30 * time.Millisecond

// checkLostConnection cuts the connection of a request. Then it repeats the request, and checks that every repetition
// gets the same answer.
func (s *serviceRun) checkLostConnection(ctx context.Context) error {
	r := s.request(tasks.Upgrade, s.login())
	brief, cancel := context.WithTimeout(ctx, hangUp)
	_ = s.send(brief, r, nil) // the answer is ignored, as if the connection had lost it
	cancel()
	r.Attempt++
	first, err := s.do(ctx, r, nil)
	if err != nil {
		return fmt.Errorf("after a lost connection, the repeated request got %w", err)
	}
	return s.wantRepeated(ctx, r, first)
}

// checkNextPlan checks that the service does separate work for each plan of a task. It uses another test account for
// each plan, because the outcome then shows which request was carried out.
func (s *serviceRun) checkNextPlan(ctx context.Context) error {
	r := s.request(tasks.Upgrade, "")
	tested := 0
	for _, want := range tasks.Outcomes(tasks.Upgrade) {
		if s.Logins[want] == "" {
			continue
		}
		tested++
		r.Ordinal, r.Attempt, r.Plan.ID, r.Account.Login = tested, tested, fmt.Sprint(TestPlan, "-", tested), tasks.NewSecret(s.Logins[want])
		got, err := s.do(ctx, r, nil)
		if err == nil && got.Outcome != want {
			err = fmt.Errorf("plan %d of a task got %s and not %s: the whole Idempotency-Key identifies the work, not the task_id alone", tested, got.Outcome, want)
		}
		if err != nil {
			return err
		}
	}
	if tested < 2 {
		return skipped("the check needs logins of test accounts for two outcomes of an upgrade")
	}
	return nil
}

// checkUnknownFields checks that a service ignores the fields and headers of later versions.
func (s *serviceRun) checkUnknownFields(ctx context.Context) error {
	r := s.request(tasks.Upgrade, TestLogin)
	body := newRequestBody(r)
	future := map[string]any{"list": []any{1, nil, "x"}}
	text, err := json.Marshal(struct {
		requestBody
		Account any `json:"account"`
		Plan    any `json:"plan"`
		Future  any `json:"keyseat_future"`
	}{body, struct {
		account
		Future any `json:"keyseat_future"`
	}{body.Account, future}, struct {
		plan
		Future any `json:"keyseat_future"`
	}{*body.Plan, future}, future})
	if err != nil {
		return err
	}
	_, err = s.do(ctx, r, func(h *retryablehttp.Request) error {
		h.Header.Set("Keyseat-Future", "1")
		return h.SetBody(text)
	})
	if err != nil {
		return fmt.Errorf("%w: ignore fields that you do not know, because a later version may send them", err)
	}
	return nil
}

func (s *serviceRun) checkSlowness(context.Context) error {
	if limit := s.connector.timeout; s.slowest > limit/2 {
		return fmt.Errorf("the slowest call took %v of the %v that keyseat waits: answer 202 after some seconds, and go on with the work",
			s.slowest.Round(time.Millisecond), limit)
	}
	return nil
}

func (s *serviceRun) checkSecrets(context.Context) error {
	if s.leaked != "" {
		return errors.New("an answer contained the " + s.leaked + " of its request: answers may be logged on the way")
	}
	return nil
}

// checkInvalidRequests checks that a service answers a body that it cannot read with a status that ends the task.
func (s *serviceRun) checkInvalidRequests(ctx context.Context) error {
	for _, body := range []struct{ name, text string }{
		{"an empty body", ""}, {"half a JSON object", `{"task_id":`}, {"a JSON array", "[]"}, {"an object without an account", "{}"},
	} {
		answer := s.sendEdited(ctx, func(h *retryablehttp.Request) error { return h.SetBody([]byte(body.text)) })
		if err := answer.refused(body.name); err != nil {
			return err
		}
	}
	return nil
}

func (s *serviceRun) checkMissingKey(ctx context.Context) error {
	return s.sendEdited(ctx, func(h *retryablehttp.Request) error {
		h.Header.Del("Idempotency-Key")
		return nil
	}).refused("a request without an Idempotency-Key")
}

func (s *serviceRun) checkMethod(ctx context.Context) error {
	answer := s.sendEdited(ctx, func(h *retryablehttp.Request) error {
		h.Method = http.MethodGet
		return h.SetBody(nil)
	})
	if answer.status < 400 {
		return fmt.Errorf("GET got %s: answer 405, because only POST carries out work", describeResult(answer.ConnectorResult))
	}
	return nil
}

func (s *serviceRun) checkToken(ctx context.Context) error {
	if s.connector.token.Load().Reveal() == "" {
		return skipped("the test has no token, so anyone who reaches the service can use it")
	}
	for name, header := range map[string][]string{"a wrong token": {"Bearer wrong"}, "no token": nil} {
		answer := s.sendEdited(ctx, func(h *retryablehttp.Request) error {
			h.Header["Authorization"] = header
			return nil
		})
		if answer.status != http.StatusUnauthorized && answer.status != http.StatusForbidden {
			return fmt.Errorf("a request with %s got %s: answer 401", name, describeResult(answer.ConnectorResult))
		}
	}
	return nil
}
