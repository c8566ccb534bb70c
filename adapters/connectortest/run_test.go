package connectortest_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/tasks"
)

// do is a connector that is a function.
type do func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult

func (f do) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult { return f(ctx, o) }

// honest is a connector that keeps the contract, and whose parts a test can break.
type honest struct {
	mu      sync.Mutex
	effects map[string]int
}

func (h *honest) Do(_ context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.effects[o.IdempotencyKey()] == 0 {
		h.effects[o.IdempotencyKey()]++
	}
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: named(o)}
}

func named(o tasks.ConnectorRequest) tasks.Outcome {
	local, _, _ := strings.Cut(o.Account.Login.Reveal(), "@")
	return tasks.Outcome(local)
}

func (h *honest) subject() connectortest.Subject {
	return connectortest.Subject{
		Connector: h,
		Slow: do(func(ctx context.Context, _ tasks.ConnectorRequest) tasks.ConnectorResult {
			<-ctx.Done()
			return tasks.ConnectorResult{}
		}),
		Login: func(_ tasks.Kind, o tasks.Outcome) string { return string(o) + "@example.com" },
		Effects: func(key string) int {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.effects[key]
		},
	}
}

func TestHonest(t *testing.T) {
	connectortest.Run(t, func(testing.TB) connectortest.Subject {
		return (&honest{effects: map[string]int{}}).subject()
	})
}

// TestBroken breaks a connector in each way that a check must find.
func TestBroken(t *testing.T) {
	always := func(a tasks.ConnectorResult) do {
		return func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult { return a }
	}
	for check, broken := range map[string]func(h *honest, s *connectortest.Subject){
		"outcomes": func(_ *honest, s *connectortest.Subject) {
			s.Connector = always(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success})
		},
		"repeated": func(h *honest, s *connectortest.Subject) {
			s.Connector = do(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				a := h.Do(ctx, o)
				a.Username = string(rune('a' + o.Attempt))
				return a
			})
		},
		"at once": func(h *honest, s *connectortest.Subject) {
			s.Connector = do(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				h.mu.Lock()
				h.effects[o.IdempotencyKey()]++
				h.mu.Unlock()
				return h.Do(ctx, o)
			})
		},
		"many keys": func(_ *honest, s *connectortest.Subject) { s.Effects = func(string) int { return 0 } },
		"next plan": func(h *honest, s *connectortest.Subject) {
			s.Connector = do(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				o.Ordinal = 1
				return h.Do(ctx, o)
			})
		},
		"cancelled": func(_ *honest, s *connectortest.Subject) { s.Slow = always(tasks.ConnectorResult{Effect: tasks.None}) },
		"past deadline": func(_ *honest, s *connectortest.Subject) {
			s.Slow = always(tasks.ConnectorResult{Effect: tasks.Refused})
		},
		"ended before": func(h *honest, s *connectortest.Subject) { s.Slow = h },
		"secrets": func(h *honest, s *connectortest.Subject) {
			s.Connector = do(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				a := h.Do(ctx, o)
				a.Note = "wrong password: " + o.Account.Password.Reveal()
				return a
			})
		},
	} {
		h := &honest{effects: map[string]int{}}
		s := h.subject()
		broken(h, &s)
		if connectortest.Check(t.Context(), check, s) == nil {
			t.Errorf("%s: nothing was found", check)
		}
	}
}

// TestNoSlow checks that a subject without a slow connector fails its test but does not crash the program.
func TestNoSlow(t *testing.T) {
	s := (&honest{effects: map[string]int{}}).subject()
	s.Slow = nil
	for _, check := range []string{"cancelled", "past deadline", "ended before", "secrets"} {
		if err := connectortest.Check(t.Context(), check, s); err == nil || !strings.Contains(err.Error(), "no Slow") {
			t.Errorf("%s: %v", check, err)
		}
	}
}

func TestLeak(t *testing.T) {
	a := tasks.Account{Login: tasks.NewSecret("anna@example.com"), Password: tasks.NewSecret(`p"w d&1`), NewPassword: tasks.NewSecret("n&w 2")}
	for text, want := range map[string]string{
		"nothing":                            "",
		"for anna@example.com":               "login",
		"GET /?login=anna%40example.com":     "login",
		`{"password":"p\"w d\u00261"}`:       "password",
		"?pwd=p%22w+d%261":                   "password",
		"616e6e61406578616d706c652e636f6d":   "login",
		"eGFubmFAZXhhbXBsZS5jb20=":           "login", // part of xanna@example.com
		"?newpwd=n%26w+2":                    "new password",
		"anna at example.com has the p w d1": "",
	} {
		if got := connectortest.FindLeak(text, a); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// TestPatient checks that a connector may return Pending first.
func TestPatient(t *testing.T) {
	connectortest.Run(t, func(testing.TB) connectortest.Subject {
		h := &honest{effects: map[string]int{}}
		s := h.subject()
		var mu sync.Mutex
		asked := map[string]int{}
		s.Connector = do(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
			mu.Lock()
			defer mu.Unlock()
			if asked[o.IdempotencyKey()]++; asked[o.IdempotencyKey()] < 4 {
				return tasks.ConnectorResult{Effect: tasks.Pending}
			}
			return h.Do(ctx, o)
		})
		return s
	})
}
