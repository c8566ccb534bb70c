package main

import (
	"context"
	"strings"
	"sync"
	"time"
)

// A simulated provider ends each order with the outcome that the login's local part names, or else with
// success. It counts how often it has carried out each order.
//
// If retried is true, a real provider first checks whether the account is in the plan already. It returns a
// certain result as an answer (account_locked, plan_full, …), and an uncertain one as an error. The service
// logs its errors, so they must contain no login or password.
type simulated struct {
	duration time.Duration

	mu   sync.Mutex
	done map[string]int // number of executions, by reference
}

// Do implements [provider].
func (p *simulated) Do(ctx context.Context, reference string, o order, retried bool) (answer, error) {
	if retried && p.count(reference) > 0 {
		return p.answer(o), nil // the work was done, and only the answer was lost
	}
	timer := time.NewTimer(p.duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return answer{}, ctx.Err()
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = map[string]int{}
	}
	p.done[reference]++
	return p.answer(o), nil
}

func (p *simulated) count(reference string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[reference]
}

// outcomes lists the outcomes, each with the kind of task that it belongs to, or "" for both kinds.
var outcomes = map[string]string{
	"system_error": "", "invalid_credentials": "", "account_locked": "",
	"already_premium": "upgrade", "upgraded_recently": "upgrade", "plan_expired": "upgrade", "plan_full": "upgrade",
	"plan_invalid": "upgrade", "already_member": "upgrade", "wrong_address": "upgrade", "out_of_stock": "upgrade",
	"still_premium": "renew",
}

func (*simulated) answer(o order) answer {
	local, _, _ := strings.Cut(o.Account.Login, "@")
	if kind, known := outcomes[local]; known && (kind == "" || kind == o.Kind) {
		return answer{Outcome: local}
	}
	a := answer{Outcome: "success"}
	if o.Kind == "upgrade" {
		a.Username = "member of " + o.Plan.ID
	}
	return a
}
