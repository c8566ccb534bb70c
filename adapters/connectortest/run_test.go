package connectortest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/tasks"
)

// A doFunc is a connector that is a function.
type doFunc func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult

func (f doFunc) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	return f(ctx, o)
}

// correct is a connector that keeps the contract. A test can break its parts.
type correct struct {
	mu      sync.Mutex
	effects map[string]int
}

func (h *correct) Do(_ context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.effects[o.IdempotencyKey()] == 0 {
		h.effects[o.IdempotencyKey()]++
	}
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcomeOf(o)}
}

func outcomeOf(o tasks.ConnectorRequest) tasks.Outcome {
	local, _, _ := strings.Cut(o.Account.Login.Reveal(), "@")
	return tasks.Outcome(local)
}

func (h *correct) subject() connectortest.Subject {
	return connectortest.Subject{
		Connector: h,
		Slow: doFunc(func(ctx context.Context, _ tasks.ConnectorRequest) tasks.ConnectorResult {
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

func TestCorrectConnector(t *testing.T) {
	connectortest.Run(t, func(testing.TB) connectortest.Subject {
		return (&correct{effects: map[string]int{}}).subject()
	})
}

// TestBrokenConnectors breaks a connector in each way that a check must find.
func TestBrokenConnectors(t *testing.T) {
	always := func(a tasks.ConnectorResult) doFunc {
		return func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult { return a }
	}
	for check, broken := range map[string]func(h *correct, s *connectortest.Subject){
		"outcomes": func(_ *correct, s *connectortest.Subject) {
			s.Connector = always(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success})
		},
		"repeated": func(h *correct, s *connectortest.Subject) {
			s.Connector = doFunc(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				a := h.Do(ctx, o)
				a.Username = string(rune('a' + o.Attempt))
				return a
			})
		},
		"simultaneous": func(h *correct, s *connectortest.Subject) {
			s.Connector = doFunc(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				h.mu.Lock()
				h.effects[o.IdempotencyKey()]++
				h.mu.Unlock()
				return h.Do(ctx, o)
			})
		},
		"many keys": func(_ *correct, s *connectortest.Subject) { s.Effects = func(string) int { return 0 } },
		"next plan": func(h *correct, s *connectortest.Subject) {
			s.Connector = doFunc(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				o.Ordinal = 1
				return h.Do(ctx, o)
			})
		},
		"cancelled": func(_ *correct, s *connectortest.Subject) { s.Slow = always(tasks.ConnectorResult{Effect: tasks.None}) },
		"deadline": func(_ *correct, s *connectortest.Subject) {
			s.Slow = always(tasks.ConnectorResult{Effect: tasks.Refused})
		},
		"ended context": func(h *correct, s *connectortest.Subject) { s.Slow = h },
		"secrets": func(h *correct, s *connectortest.Subject) {
			s.Connector = doFunc(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
				a := h.Do(ctx, o)
				a.Note = "wrong password: " + o.Account.Password.Reveal()
				return a
			})
		},
	} {
		h := &correct{effects: map[string]int{}}
		s := h.subject()
		broken(h, &s)
		if connectortest.Check(t.Context(), check, s) == nil {
			t.Errorf("%s: the check found nothing", check)
		}
	}
}

// TestSubjectWithoutSlow checks that a subject without a slow connector fails its test but does not crash the program.
func TestSubjectWithoutSlow(t *testing.T) {
	s := (&correct{effects: map[string]int{}}).subject()
	s.Slow = nil
	for _, check := range []string{"cancelled", "deadline", "ended context", "secrets"} {
		if err := connectortest.Check(t.Context(), check, s); err == nil || !strings.Contains(err.Error(), "no Slow") {
			t.Errorf("%s: %v", check, err)
		}
	}
}

func TestFindLeak(t *testing.T) {
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

// TestPending checks that a connector may return Pending first.
func TestPending(t *testing.T) {
	connectortest.Run(t, func(testing.TB) connectortest.Subject {
		h := &correct{effects: map[string]int{}}
		s := h.subject()
		var mu sync.Mutex
		attempts := map[string]int{}
		s.Connector = doFunc(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
			mu.Lock()
			defer mu.Unlock()
			if attempts[o.IdempotencyKey()]++; attempts[o.IdempotencyKey()] < 4 {
				return tasks.ConnectorResult{Effect: tasks.Pending}
			}
			return h.Do(ctx, o)
		})
		return s
	})
}

// This is the whole test of a connector. Its body is that of TestConnector(t *testing.T) in the connector's own
// package. Here the connector is the simulator, which ends a task with the outcome in its login.
func ExampleRun() {
	testConnector := func(t *testing.T) {
		connectortest.Run(t, func(testing.TB) connectortest.Subject {
			return connectortest.Subject{
				Connector: simulator.Connector{},
				Slow:      simulator.Connector{Delay: time.Hour},
				Login:     func(_ tasks.Kind, o tasks.Outcome) string { return string(o) + "@example.com" },
			}
		})
	}
	_ = testConnector // go test runs it, an example cannot
}
