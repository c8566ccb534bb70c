package connectortest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

var checks = []struct {
	name  string
	holds func(context.Context, Subject) error
}{
	{"outcomes", outcomes},
	{"repeated", repeated},
	{"at once", atOnce},
	{"many keys", manyKeys},
	{"next plan", nextPlan},
	{"cancelled", cancelled},
	{"past deadline", pastDeadline},
	{"ended before", endedBefore},
	{"secrets", secrets},
}

// outcomes checks that a task ends with the outcome that its login provokes, for every outcome that can be provoked.
func outcomes(ctx context.Context, s Subject) error {
	for o, want := range s.orders() {
		if got := s.ask(ctx, o); got.Effect != tasks.Settled || got.Outcome != want {
			return fmt.Errorf("%s, to end with %s: %+v", o.Kind, want, got)
		}
	}
	return nil
}

// repeated checks that a repeated idempotency key gets the first result, and that its work is done once.
func repeated(ctx context.Context, s Subject) error {
	for o := range s.orders() {
		first := final(s.ask(ctx, o))
		for o.Attempt = 2; o.Attempt < 4; o.Attempt++ {
			if again := final(s.Connector.Do(ctx, o)); again != first {
				return fmt.Errorf("asked again: first %+v, then %+v", first, again)
			}
		}
		if err := s.once(o); err != nil {
			return err
		}
	}
	return nil
}

// atOnce checks the same for eight simultaneous attempts with one key, as several processes would make them.
func atOnce(ctx context.Context, s Subject) error {
	o := s.success(tasks.Upgrade)
	answers := make([]tasks.ConnectorResult, 8)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = s.Connector.Do(ctx, again(o, i+1)) })
	}
	group.Wait()
	last := final(s.ask(ctx, again(o, len(answers)+1)))
	for _, a := range answers {
		if a.Effect == tasks.Settled && final(a) != last {
			return fmt.Errorf("asked at once: %+v, then %+v", final(a), last)
		}
	}
	return s.once(o)
}

// manyKeys checks that 32 simultaneous requests with different keys each succeed and have their own effect.
func manyKeys(ctx context.Context, s Subject) error {
	faults := make([]error, 32)
	var group sync.WaitGroup
	for i := range faults {
		group.Go(func() { faults[i] = s.endsWith(ctx, s.success(tasks.Upgrade), tasks.Success) })
	}
	group.Wait()
	return errors.Join(faults...)
}

// nextPlan checks that each plan of a task has its own effect.
func nextPlan(ctx context.Context, s Subject) error {
	login := s.Login(tasks.Upgrade, tasks.PlanFull)
	if login == "" {
		return nil
	}
	o := NewRequest(tasks.Upgrade, login)
	err := s.endsWith(ctx, o, tasks.PlanFull)
	o.Ordinal, o.Attempt, o.Plan.ID = 2, 2, o.Plan.ID+"-2"
	return errors.Join(err, s.endsWith(ctx, o, tasks.PlanFull))
}

// endsWith returns an error unless the request ends with the outcome want and its work is done once.
func (s Subject) endsWith(ctx context.Context, o tasks.ConnectorRequest, want tasks.Outcome) error {
	if got := s.ask(ctx, o); got.Effect != tasks.Settled || got.Outcome != want {
		return fmt.Errorf("plan %d of a task, to end with %s: %+v", o.Ordinal, want, got)
	}
	return s.once(o)
}

// The bounds of a call whose context ends.
const (
	patience = 100 * time.Millisecond // the time until the context ends
	soon     = 5 * time.Second        // the time in which Do must return then; long, for slow machines
)

// cancelled checks that Do returns within [soon] after a cancellation of its context. The effect must be
// [tasks.Unknown] or [tasks.Pending].
func cancelled(ctx context.Context, s Subject) error {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(patience, cancel)
	defer timer.Stop()
	return s.cutShort(ctx)
}

// pastDeadline checks the same for a context whose deadline passes.
func pastDeadline(ctx context.Context, s Subject) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.cutShort(ctx)
}

func (s Subject) cutShort(ctx context.Context) error {
	got, err := timely(ctx, s.Slow, s.success(tasks.Upgrade))
	if err == nil && got.Effect != tasks.Unknown && got.Effect != tasks.Pending {
		err = fmt.Errorf("cut short while the provider was at work: %+v", got)
	}
	return err
}

// endedBefore checks that Do returns within [soon] if its context has ended before the call. The effect must not be
// [tasks.Settled] or [tasks.Refused].
func endedBefore(ctx context.Context, s Subject) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	got, err := timely(ctx, s.Slow, s.success(tasks.Renew))
	if err == nil && (got.Effect == tasks.Settled || got.Effect == tasks.Refused) {
		err = fmt.Errorf("asked with a context that had ended: %+v", got)
	}
	return err
}

func timely(ctx context.Context, c tasks.Connector, o tasks.ConnectorRequest) (tasks.ConnectorResult, error) {
	if c == nil {
		return tasks.ConnectorResult{}, errors.New("the subject has no Slow, a connector whose provider takes a minute or longer")
	}
	done := make(chan tasks.ConnectorResult, 1)
	go func() { done <- c.Do(ctx, o) }()
	select {
	case a := <-done:
		return a, nil
	case <-time.After(patience + soon):
		return tasks.ConnectorResult{}, fmt.Errorf("no return %s after the context had ended", soon)
	}
}

// secrets checks that no result holds a secret of the account, also when it is printed with %+v or %#v.
func secrets(ctx context.Context, s Subject) error {
	for o := range s.orders() {
		for range 2 { // the first result may be Pending
			if err := clean(s.Connector.Do(ctx, o), o.Account); err != nil {
				return err
			}
		}
		if err := clean(s.ask(ctx, o), o.Account); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := s.success(tasks.Renew)
	got, err := timely(ctx, s.Slow, o)
	if err != nil {
		return err
	}
	return clean(got, o.Account)
}

func clean(a tasks.ConnectorResult, secret tasks.Account) error {
	if what := FindLeak(fmt.Sprintf("%+v %#v", a, a), secret); what != "" {
		return fmt.Errorf("the answer holds the %s", what)
	}
	return nil
}
