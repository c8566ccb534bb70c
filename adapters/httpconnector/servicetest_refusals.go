package httpconnector

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/tasks"
)

// checkInvalidRequests checks that a service refuses a body that it cannot read, and ends its task by that.
func (s *serviceRun) checkInvalidRequests(ctx context.Context) error {
	for _, body := range []struct{ name, text string }{
		{"an empty body", ""}, {"half a JSON object", `{"task_id":`}, {"a JSON array", "[]"}, {"an object without an account", "{}"},
	} {
		answer := s.send(ctx, s.request(tasks.Upgrade, TestLogin), func(h *retryablehttp.Request) error { return h.SetBody([]byte(body.text)) })
		if err := answer.refused(); err != nil {
			return fmt.Errorf("%s got %w", body.name, err)
		}
	}
	return nil
}

// refused returns an error unless the answer is a 4xx that ends a task.
func (a reply) refused() error {
	if a.Effect == tasks.Refused {
		return nil
	}
	if a.Effect == tasks.Settled {
		return fmt.Errorf("the outcome %.40q: answer 400", a.Outcome)
	}
	return fmt.Errorf("%s, so keyseat would repeat it: answer 400", a.Note)
}

func (s *serviceRun) checkMissingKey(ctx context.Context) error {
	answer := s.send(ctx, s.request(tasks.Upgrade, TestLogin), func(h *retryablehttp.Request) error {
		h.Header.Del("Idempotency-Key")
		return nil
	})
	if err := answer.refused(); err != nil {
		return fmt.Errorf("a request without an Idempotency-Key got %w", err)
	}
	return nil
}

func (s *serviceRun) checkMethod(ctx context.Context) error {
	answer := s.send(ctx, s.request(tasks.Upgrade, TestLogin), func(h *retryablehttp.Request) error {
		h.Method = http.MethodGet
		return h.SetBody(nil)
	})
	if answer.status < 400 {
		return fmt.Errorf("GET got %s: answer 405, because only POST carries out work", describeResult(answer.ConnectorResult))
	}
	return nil
}

// checkToken checks that a service refuses a wrong token and a missing one.
func (s *serviceRun) checkToken(ctx context.Context) error {
	if s.connector.token.Load().Reveal() == "" {
		return skipped("the test has no token, so anyone who reaches the service can use it")
	}
	for name, header := range map[string][]string{"a wrong token": {"Bearer wrong"}, "no token": nil} {
		answer := s.send(ctx, s.request(tasks.Upgrade, TestLogin), func(h *retryablehttp.Request) error {
			h.Header["Authorization"] = header
			return nil
		})
		if answer.status != http.StatusUnauthorized && answer.status != http.StatusForbidden {
			return fmt.Errorf("a request with %s got %s: answer 401", name, describeResult(answer.ConnectorResult))
		}
	}
	return nil
}
