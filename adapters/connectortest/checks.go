package connectortest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/tasks"
)

// Run tests whether a connector keeps the contract of [tasks.Connector]. For a fast connector, it takes under a second.
func Run(t *testing.T, open Factory) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// checks lists the tests of [Run]. Each test checks one rule of the contract.
var checks = []struct {
	name string
	run  func(context.Context, Subject) error
}{
	// A task ends with the outcome that its login provokes, for every outcome that can be provoked.
	{"outcomes", func(ctx context.Context, s Subject) error {
		for r, want := range s.requests() {
			if got := s.doUntilDone(ctx, r); got.Effect != tasks.Settled || got.Outcome != want {
				return fmt.Errorf("%s that should end with %s: %+v", r.Kind, want, got)
			}
		}
		return nil
	}},
	// A repeated idempotency key gets the first result, and its work is done once.
	{"repeated", func(ctx context.Context, s Subject) error {
		for r := range s.requests() {
			first := repeatable(s.doUntilDone(ctx, r))
			for attempt := 2; attempt < 4; attempt++ {
				if again := repeatable(s.Connector.Do(ctx, withAttempt(r, attempt))); again != first {
					return fmt.Errorf("repeated attempt: first %+v, then %+v", first, again)
				}
			}
			if err := s.wantOneEffect(r); err != nil {
				return err
			}
		}
		return nil
	}},
	// Eight simultaneous attempts with one idempotency key get one result, and its work is done once.
	{"simultaneous", func(ctx context.Context, s Subject) error {
		r := s.succeeding(tasks.Upgrade)
		results := make([]tasks.ConnectorResult, 8)
		var group sync.WaitGroup
		for i := range results {
			group.Go(func() { results[i] = s.Connector.Do(ctx, withAttempt(r, i+1)) })
		}
		group.Wait()
		last := repeatable(s.doUntilDone(ctx, withAttempt(r, len(results)+1)))
		for _, got := range results {
			if got.Effect == tasks.Settled && repeatable(got) != last {
				return fmt.Errorf("simultaneous attempts: %+v, then %+v", repeatable(got), last)
			}
		}
		return s.wantOneEffect(r)
	}},
	// 32 simultaneous requests with different keys each succeed and have their own effect.
	{"many keys", func(ctx context.Context, s Subject) error {
		errs := make([]error, 32)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() { errs[i] = s.wantOutcome(ctx, s.succeeding(tasks.Upgrade), tasks.Success) })
		}
		group.Wait()
		return errors.Join(errs...)
	}},
	// Each plan of a task has its own idempotency key, so the work is done once for each plan.
	{"next plan", func(ctx context.Context, s Subject) error {
		login := s.Login(tasks.Upgrade, tasks.PlanFull)
		if login == "" {
			return nil
		}
		r := NewRequest(tasks.Upgrade, login)
		err := s.wantOutcome(ctx, r, tasks.PlanFull)
		r.Ordinal, r.Attempt, r.Plan.ID = 2, 2, r.Plan.ID+"-2"
		return errors.Join(err, s.wantOutcome(ctx, r, tasks.PlanFull))
	}},
	// Do returns within [returnTimeout] after a cancellation of its context. The effect must be [tasks.Unknown] or
	// [tasks.Pending].
	{"cancelled", func(ctx context.Context, s Subject) error {
		ctx, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(contextTimeout, cancel).Stop()
		return s.wantInterrupted(ctx)
	}},
	// Do returns within [returnTimeout] after the deadline of its context has passed. The effect must be
	// [tasks.Unknown] or [tasks.Pending].
	{"deadline", func(ctx context.Context, s Subject) error {
		ctx, cancel := context.WithTimeout(ctx, contextTimeout)
		defer cancel()
		return s.wantInterrupted(ctx)
	}},
	// Do returns within [returnTimeout] if its context has ended before the call. The effect must not be [tasks.Settled]
	// or [tasks.Refused].
	{"ended context", func(ctx context.Context, s Subject) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		got, err := doInTime(ctx, s.Slow, s.succeeding(tasks.Renew))
		if err == nil && (got.Effect == tasks.Settled || got.Effect == tasks.Refused) {
			err = fmt.Errorf("the context had ended before the call: %+v", got)
		}
		return err
	}},
	// No result contains a secret of the account, even if the result is printed with %+v or %#v.
	{"secrets", func(ctx context.Context, s Subject) error {
		for r := range s.requests() {
			for range 2 { // twice, because the first result may be Pending
				if err := wantNoLeak(s.Connector.Do(ctx, r), r.Account); err != nil {
					return err
				}
			}
			if err := wantNoLeak(s.doUntilDone(ctx, r), r.Account); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(ctx, contextTimeout)
		defer cancel()
		r := s.succeeding(tasks.Renew)
		got, err := doInTime(ctx, s.Slow, r)
		if err != nil {
			return err
		}
		return wantNoLeak(got, r.Account)
	}},
}

func (s Subject) wantInterrupted(ctx context.Context) error {
	got, err := doInTime(ctx, s.Slow, s.succeeding(tasks.Upgrade))
	if err == nil && got.Effect != tasks.Unknown && got.Effect != tasks.Pending {
		err = fmt.Errorf("the context ended while the provider worked: %+v", got)
	}
	return err
}

// doInTime calls Do. It returns an error unless Do returns within [contextTimeout] and [returnTimeout] together.
func doInTime(ctx context.Context, c tasks.Connector, r tasks.ConnectorRequest) (tasks.ConnectorResult, error) {
	if c == nil {
		return tasks.ConnectorResult{}, errors.New("the subject has no Slow, a connector whose provider takes a minute or longer")
	}
	done := make(chan tasks.ConnectorResult, 1)
	go func() { done <- c.Do(ctx, r) }()
	select {
	case got := <-done:
		return got, nil
	case <-time.After(contextTimeout + returnTimeout):
		return tasks.ConnectorResult{}, fmt.Errorf("no return %s after the end of the context", returnTimeout)
	}
}

func wantNoLeak(r tasks.ConnectorResult, secret tasks.Account) error {
	if name := FindLeak(fmt.Sprintf("%+v %#v", r, r), secret); name != "" {
		return fmt.Errorf("the result holds the %s", name)
	}
	return nil
}

// FindLeak searches text, such as a log or a result, for a secret of the account. It finds secrets in plain, in JSON,
// in URLs, in hexadecimal, and in base64 at any offset. It returns the name of the secret, such as "password", or "".
func FindLeak(text string, a tasks.Account) string {
	for _, s := range []struct {
		name   string
		secret tasks.Secret
	}{{"login", a.Login}, {"password", a.Password}, {"new email", a.NewEmail}, {"new password", a.NewPassword}} {
		for _, spelling := range spellings(s.secret.Reveal()) {
			if strings.Contains(text, spelling) {
				return s.name
			}
		}
	}
	return ""
}

func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret))}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, jsoncodec.Marshal} { // json.Marshal escapes <, > and &, and jsoncodec.Marshal does not
		text, _ := marshal(secret) // a string can always be encoded
		all = append(all, string(text[1:len(text)-1]))
	}
	for offset := range 3 { // the first and last characters of base64 depend on the neighboring bytes
		code := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
		if code = strings.TrimRight(code, "="); len(code) > 12 {
			all = append(all, code[4:len(code)-2])
		}
	}
	return all
}
