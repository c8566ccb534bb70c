package simulation_test

import (
	"sync"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A provider is the simulated service that puts accounts into plans. It has its own ledger, which is
// independent of the store.
type provider struct {
	*world
	mu         sync.Mutex
	ledger     map[string]*entry // keyed by idempotency key
	calls      map[string]int    // the number of calls, keyed by login
	inProgress map[string]int    // the number of operations in progress, keyed by login
}

// An entry is the ledger's data of one idempotency key.
type entry struct {
	order  tasks.ConnectorRequest
	login  string
	answer *tasks.ConnectorResult // the answer to the first call and all later calls
	effect bool
	left   bool // the member has left the plan
}

func newProvider(w *world) *provider {
	return &provider{world: w, ledger: map[string]*entry{}, calls: map[string]int{}, inProgress: map[string]int{}}
}

// serve answers one call as the client's script defines. A call is stale if its daemon was frozen before, or if the
// call was on its way for a long time.
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

// begin runs do in the background. The work continues even if its caller no longer waits.
func (p *provider) begin(login string, do func()) {
	p.mu.Lock()
	p.inProgress[login]++
	p.mu.Unlock()
	go func() {
		do()
		p.mu.Lock()
		p.inProgress[login]--
		p.mu.Unlock()
	}()
}

// idle reports whether no work for an account is in progress, so that no further effect can come from it.
func (p *provider) idle(login string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inProgress[login] == 0
}

func (p *provider) receive(o tasks.ConnectorRequest, login string, stale bool) (*entry, behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.calls[login]
	p.calls[login]++
	r := p.journal.of(login)
	m := behaviour{Kind: good}
	if n < len(r.script.Behaviours) && !p.faultsOver.Load() {
		m = r.script.Behaviours[n]
	}
	e, known := p.ledger[o.IdempotencyKey()]
	if !known {
		e = &entry{order: o, login: login}
		p.ledger[o.IdempotencyKey()] = e
		if t := p.store.task(r.id); !t.Open() && !stale {
			p.faults.add("I11", "task %s is sent for the first time %v after its end", o.Task, time.Since(t.EndedAt))
		}
	}
	if e.login != login || e.order.Plan != o.Plan || e.order.Kind != o.Kind || e.order.Country != o.Country {
		p.faults.add("I11", "the idempotency key %s came with another payload", o.IdempotencyKey())
	}
	if r.kind != o.Kind || r.country != o.Country || r.password != o.Account.Password.Reveal() {
		p.faults.add("I6", "task %s does not have what was submitted", o.Task)
	}
	return e, m
}

// settle returns the answer for an idempotency key. The first call with the key determines this answer.
func (p *provider) settle(e *entry) *tasks.ConnectorResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.answer != nil {
		return e.answer
	}
	outcome := tasks.Success
	if script := p.journal.of(e.login).script.Outcomes; e.order.Ordinal <= len(script) {
		outcome = script[e.order.Ordinal-1]
	}
	e.answer = &tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome}
	e.effect = outcome == tasks.Success
	if e.effect {
		p.checkOneEffect(e)
	}
	return e.answer
}

// checkOneEffect checks that no request has two effects.
func (p *provider) checkOneEffect(e *entry) {
	for _, other := range p.ledger {
		if other != e && other.login == e.login && other.effect {
			p.faults.add("I5", "the request %s had an effect as %s and as %s", e.login, other.order.IdempotencyKey(), e.order.IdempotencyKey())
		}
	}
}

// members counts the current members of a plan.
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

// member returns the entry with the effect of a request, or nil.
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

// answerTo returns the answer to the last request of a task, or nil if the provider received no request of it.
func (p *provider) answerTo(t tasks.Task) *tasks.ConnectorResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.ledger[tasks.ConnectorRequest{Task: t.ID, Ordinal: t.Ordinal}.IdempotencyKey()]; e != nil {
		return e.answer
	}
	return nil
}

// leave removes a member from its plan.
func (p *provider) leave(login string) {
	if e := p.member(login); e != nil {
		p.mu.Lock()
		e.left = true
		p.mu.Unlock()
	}
}
