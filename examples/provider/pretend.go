package main

import (
	"context"
	"strings"
	"sync"
	"time"
)

// A pretend provider ends each order as the login's local part says, with success where that is no
// outcome, and remembers how often it has done something.
//
// A real one would, with again, first look whether the account is in the plan already. What it finds
// out for certain is an answer (account_locked, plan_full, …), what it cannot tell an error. Its
// errors are logged: no login or password may be in them.
type pretend struct {
	takes time.Duration

	mu   sync.Mutex
	done map[string]int // by reference
}

// Do implements [provider].
func (p *pretend) Do(ctx context.Context, reference string, o order, again bool) (answer, error) {
	if again && p.count(reference) > 0 {
		return p.answer(o), nil // it was done, and only the answer was lost
	}
	timer := time.NewTimer(p.takes)
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

func (p *pretend) count(reference string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[reference]
}

// outcomes are those of either kind, and those of one.
var outcomes = map[string]string{
	"system_error": "", "invalid_credentials": "", "account_locked": "",
	"already_premium": "upgrade", "upgraded_recently": "upgrade", "plan_expired": "upgrade", "plan_full": "upgrade",
	"plan_invalid": "upgrade", "already_member": "upgrade", "wrong_address": "upgrade", "out_of_stock": "upgrade",
	"still_premium": "renew",
}

func (*pretend) answer(o order) answer {
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
