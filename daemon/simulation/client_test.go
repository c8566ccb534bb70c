package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A journal records the requests of the clients and the answers to them.
type journal struct {
	mu   sync.Mutex
	byID map[string]*request
}

// A request is one entry of the journal. Its id is also the id of its task.
type request struct {
	id       string
	code     keys.Code
	kind     tasks.Kind
	country  stock.Country
	password string
	script   script

	answered bool // the client has received an acceptance or a refusal
	err      error
}

const domain = "@example.com"

func (r *request) login() string { return r.id + domain }

// taskOf returns the id of the only task with a login, without the help of keyseat.
func taskOf(login string) string { return strings.TrimSuffix(login, domain) }

// of returns the request with a login. Each request has a login of its own.
func (j *journal) of(login string) *request {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.byID[taskOf(login)]
}

func (j *journal) write(r *request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.byID[r.id] = r
}

// clientTime is the maximum time that a client waits for an answer.
const clientTime = 5 * time.Second

// request sends the request of a step to a daemon, if the daemon is running.
func (w *world) request(d *simDaemon, s step) {
	l := d.current()
	if l == nil {
		return
	}
	id := fmt.Sprint("t", w.ids.Add(1))
	r := &request{id: id, code: w.code(s.Key), kind: tasks.Kind(s.Do), country: s.Script.Country, password: "secret of " + id + "!", script: s.Script}
	w.journal.write(r)
	w.clients.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, clientTime)
		defer cancel()
		engine := l.engine()
		engine.NewID = func() string { return id }
		r.err = engine.Accept(ctx, tasks.Request{Kind: r.kind, Code: r.code, Country: string(r.country), Account: tasks.Account{
			Login: tasks.NewSecret(r.login()), Password: tasks.NewSecret(r.password),
		}})
		r.answered = r.err == nil || isAnswer(r.err)
		if r.err == nil {
			l.pool.Wake()
			w.checkVisible(w.daemon(d.id+1), r)
		}
	})
}

// isAnswer reports whether an error is an answer that refuses a request. Such a request is never accepted later.
func isAnswer(err error) bool {
	var no tasks.Refusal
	var later tasks.RateLimited
	return errors.As(err, &no) || errors.As(err, &later)
}

// checkVisible checks that a daemon shows an accepted request immediately after the acceptance.
func (w *world) checkVisible(d *simDaemon, r *request) {
	l := d.current()
	if l == nil {
		return
	}
	v, err := l.engine().Snapshot(w.ctx, r.code)
	if err != nil {
		return
	}
	if v.Task == nil || v.Task.ID != r.id && v.Task.CreatedAt.Before(w.store.task(r.id).CreatedAt) {
		w.faults.add("I13", "request %s was accepted, and %s does not show it", r.id, l.name)
	}
}

// operate makes the operator's change of a step. The operator's tool has a direct connection to the store.
func (w *world) operate(s step) {
	tool := tasks.Engine{
		Store: w.store, Sealer: noSealer{}, Rules: rules(), NewID: w.newID, Now: time.Now,
		Jitter: func() float64 { return 0 },
		Pause:  func(context.Context, time.Duration) error { return errLost },
	}
	ctx := w.ctx
	key := func(context.Context) (tasks.Snapshot, error) { return tool.Snapshot(ctx, w.code(s.Key)) }
	switch s.Do {
	case revoke:
		_ = tool.Update(ctx, key, tasks.Revoke) // the change may be rejected
	case restore:
		_ = tool.Update(ctx, key, tasks.Restore)
	case reset:
		_ = tool.Update(ctx, key, tasks.Reset)
	case retryNow:
		w.retryOne(tool, s)
	case resolve:
		w.resolveAll(tool)
	case release:
		w.releaseOne(tool, s)
	case retire, relist:
		w.edit(s)
	case upgrade, renew, kill, stop, freeze, cut, silence, adjust: // these are no actions of an operator
	}
}

// retryOne makes an open task due now.
func (w *world) retryOne(tool tasks.Engine, s step) {
	open, err := w.store.Tasks(w.ctx, adminstore.TaskFilter{State: adminstore.OpenTask}, adminstore.Page{Limit: 100})
	w.must(err)
	if len(open.Entries) == 0 {
		return
	}
	id := open.Entries[s.Key%len(open.Entries)].Task.ID
	read := func(ctx context.Context) (tasks.Snapshot, error) { return w.store.Task(ctx, id) }
	_ = tool.Update(w.ctx, read, tasks.RetryNow)
}

// resolveAll resolves suspect slots by the provider's ledger. It skips tasks of which a call can still have an effect.
func (w *world) resolveAll(tool tasks.Engine) {
	ctx := w.ctx
	suspects, err := w.store.Tasks(ctx, adminstore.TaskFilter{State: adminstore.SuspectTask}, adminstore.Page{Limit: 1000})
	w.must(err)
	for _, v := range suspects.Entries {
		login := v.Task.ID + domain
		if !w.provider.idle(login) || w.anyFrozen() || time.Since(v.Task.EndedAt) < 2*time.Minute { // a call of this task can still arrive
			continue
		}
		outcome := tasks.SystemError
		if w.provider.member(login) != nil {
			outcome = tasks.Success
		}
		read := func(ctx context.Context) (tasks.Snapshot, error) { return w.store.Task(ctx, v.Task.ID) }
		_ = tool.Update(ctx, read, func(v tasks.Snapshot, id string) (tasks.Change, error) { return tasks.Resolve(v, outcome, id) })
	}
}

// anyFrozen reports whether any daemon is frozen. A frozen daemon may later make a call that it has already decided on.
func (w *world) anyFrozen() bool {
	for _, d := range w.daemons {
		if left, _ := d.frozen(); left > 0 && !w.faultsOver.Load() {
			return true
		}
	}
	return false
}

// releaseOne removes the member of a key's latest upgrade from the plan.
func (w *world) releaseOne(tool tasks.Engine, s step) {
	ctx := w.ctx
	v, err := tool.Snapshot(ctx, w.code(s.Key))
	if err != nil || v.Task == nil {
		return
	}
	read := func(ctx context.Context) (tasks.Snapshot, error) { return w.store.Task(ctx, v.Task.ID) }
	if tool.Update(ctx, read, tasks.Release) == nil {
		w.provider.leave(v.Task.ID + domain)
	}
}

// edit takes a plan out of stock, or puts it back with one more slot.
func (w *world) edit(s step) {
	ctx := w.ctx
	plans, err := w.store.Plans(ctx, 0, 100)
	w.must(err)
	p := plans[s.Plan%len(plans)]
	e := stock.PlanEdit{ID: p.ID, Retire: s.Do == retire}
	if s.Do == relist {
		size := p.Size + 1
		e.Size = &size
	}
	w.must(w.store.EditPlans(ctx, []stock.PlanEdit{e}))
}
