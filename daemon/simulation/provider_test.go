package simulation_test

import (
	"sync"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A provider is the service that puts accounts into plans. It keeps its own ledger, which knows nothing
// of the store.
type provider struct {
	*world
	mu      sync.Mutex
	ledger  map[string]*entry // by idempotency key
	askings map[string]int    // by login
	at      map[string]int    // how many it is at work on, by login
}

// An entry is what it knows under one idempotency key.
type entry struct {
	order  tasks.ConnectorRequest
	login  string
	answer *tasks.ConnectorResult // the first, which is the answer to all later askings
	effect bool
	left   bool // the member, later
}

func newProvider(w *world) *provider {
	return &provider{world: w, ledger: map[string]*entry{}, askings: map[string]int{}, at: map[string]int{}}
}

// serve answers one asking in the manner that the client's script says. A stale asking is one whose
// sender was frozen before it, or that was long on its way.
func (p *provider) serve(o tasks.ConnectorRequest, stale bool) tasks.ConnectorResult {
	login := o.Account.Login.Reveal()
	e, m := p.receive(o, login, stale)
	switch m.Kind {
	case refused:
		return tasks.ConnectorResult{Effect: tasks.None}
	case rejected:
		return tasks.ConnectorResult{Effect: tasks.Refused}
	case cutBefore:
		return tasks.ConnectorResult{Effect: tasks.Unknown}
	case busy:
		p.begin(login, func() { time.Sleep(m.Before); p.settle(e) })
		return tasks.ConnectorResult{Effect: tasks.Pending}
	case cutAfter, good:
	}
	done := make(chan struct{})
	p.begin(login, func() {
		defer close(done)
		time.Sleep(m.Before)
		p.settle(e)
		time.Sleep(m.After)
	})
	<-done
	if m.Kind == cutAfter {
		return tasks.ConnectorResult{Effect: tasks.Unknown}
	}
	return *p.settle(e)
}

// begin works on something whoever still waits for it.
func (p *provider) begin(login string, do func()) {
	p.mu.Lock()
	p.at[login]++
	p.mu.Unlock()
	go func() {
		do()
		p.mu.Lock()
		p.at[login]--
		p.mu.Unlock()
	}()
}

// idle says whether nothing more can come of what was asked about an account.
func (p *provider) idle(login string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[login] == 0
}

func (p *provider) receive(o tasks.ConnectorRequest, login string, stale bool) (*entry, manner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.askings[login]
	p.askings[login]++
	r := p.journal.of(login)
	m := manner{Kind: good}
	if n < len(r.ask.Manners) && !p.calm.Load() {
		m = r.ask.Manners[n]
	}
	e, known := p.ledger[o.IdempotencyKey()]
	if !known {
		e = &entry{order: o, login: login}
		p.ledger[o.IdempotencyKey()] = e
		if t := p.store.task(r.id); !t.Open() && !stale {
			p.faults.add("I11", "task %s is asked about for the first time %v after its end", o.Task, time.Since(t.EndedAt))
		}
	}
	if e.login != login || e.order.Plan != o.Plan || e.order.Kind != o.Kind || e.order.Country != o.Country {
		p.faults.add("I11", "the idempotency key %s came with another payload", o.IdempotencyKey())
	}
	if r.kind != o.Kind || r.country != o.Country || r.password != o.Account.Password.Reveal() {
		p.faults.add("I6", "task %s does not ask for what was submitted", o.Task)
	}
	return e, m
}

// settle answers an idempotency key once and for all.
func (p *provider) settle(e *entry) *tasks.ConnectorResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.answer != nil {
		return e.answer
	}
	outcome := tasks.Success
	if script := p.journal.of(e.login).ask.Outcomes; e.order.Ordinal <= len(script) {
		outcome = script[e.order.Ordinal-1]
	}
	e.answer = &tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome}
	e.effect = outcome == tasks.Success
	if e.effect {
		p.once(e)
	}
	return e.answer
}

// once holds that no request has two effects.
func (p *provider) once(e *entry) {
	for _, other := range p.ledger {
		if other != e && other.login == e.login && other.effect {
			p.faults.add("I5", "the request %s had an effect as %s and as %s", e.login, other.order.IdempotencyKey(), e.order.IdempotencyKey())
		}
	}
}

// members counts those that are in a plan.
func (p *provider) members(plan string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.ledger {
		if e.effect && !e.left && e.order.Plan.ID == plan {
			n++
		}
	}
	return n
}

// member is the entry with the effect of a request, or nil.
func (p *provider) member(login string) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.ledger {
		if e.effect && e.login == login {
			return e
		}
	}
	return nil
}

// leave takes a member out of its plan.
func (p *provider) leave(login string) {
	if e := p.member(login); e != nil {
		p.mu.Lock()
		e.left = true
		p.mu.Unlock()
	}
}
