package batchstore

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// A line gathers questions while the store is busy and sends what is waiting in one call.
type line[Q, A any] struct {
	send    func(context.Context, []Q) ([]A, error)
	batch   int // the most questions of one call
	flights int // the most calls at once
	bound   time.Duration
	again   bool // a batch that failed is asked question by question
	own     bool // a caller with a deadline who finds the store free makes its call itself

	mu      sync.Mutex
	waiting []call[Q, A]
	flying  int // calls under way
	young   int // those of them that are waited for before another goes out
}

// A call is one waiting question.
type call[Q, A any] struct {
	ctx      context.Context // of the caller
	question Q
	reply    chan reply[A] // with room for one
}

// wait is for the first reply. The end of the caller's context makes one too, but to wait for that as
// well would cost every caller a timer: a call that is slow looks after it for all of them.
func (c call[Q, A]) wait() ([]A, error) {
	r := <-c.reply
	return r.answer, r.err
}

// answer replies, unless there is a reply already.
func (c call[Q, A]) answer(r reply[A]) {
	select {
	case c.reply <- r:
	default:
	}
}

// left says whether the caller's context has ended, and replies so.
func (c call[Q, A]) left() bool {
	err := c.ctx.Err()
	if err != nil {
		c.answer(reply[A]{err: err})
	}
	return err != nil
}

// A reply is a slice of one answer, of the batch's own array, so that nothing is copied.
type reply[A any] struct {
	answer []A
	err    error
}

func newLine[Q, A any](o Options, call string, send func(context.Context, []Q) ([]A, error), flights int) *line[Q, A] {
	return &line[Q, A]{send: observed(o, call, send), batch: o.Batch, flights: flights, bound: o.Bound}
}

// ask waits for the answer, or for the end of the context: then it is not known whether the question
// went out.
func (l *line[Q, A]) ask(ctx context.Context, q Q) ([]A, error) {
	c := call[Q, A]{ctx, q, make(chan reply[A], 1)}
	if !l.join(c) {
		return c.wait()
	}
	if deadline, has := ctx.Deadline(); has && l.own && l.lonely() {
		return l.alone(ctx, deadline, q)
	}
	go l.fly()
	return c.wait()
}

// join has a question wait, and says whether no call is under way that is still waited for, so that one has to begin now.
func (l *line[Q, A]) join(c call[Q, A]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, c)
	return l.begin()
}

// lonely lets run who is ready to, and says whether nobody has joined. Then nobody waits any more.
func (l *line[Q, A]) lonely() bool {
	runtime.Gosched()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) != 1 {
		return false
	}
	l.waiting = nil
	return true
}

// alone asks at once, in the caller's own goroutine, and leaves to another what has come meanwhile. The
// caller's deadline bounds the call, but its leaving does not, because a connection would go with it.
func (l *line[Q, A]) alone(ctx context.Context, deadline time.Time, q Q) ([]A, error) {
	defer l.land()
	defer l.watch(nil).done()
	if last := time.Now().Add(l.bound); last.Before(deadline) {
		deadline = last
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	return l.send(ctx, []Q{q})
}

// serve asks for those who are still there. Where what became of a batch is not known each may have a
// call of its own.
func (l *line[Q, A]) serve(batch []call[Q, A]) {
	here := make([]call[Q, A], 0, len(batch))
	questions := make([]Q, 0, len(batch))
	for _, c := range batch {
		if !c.left() {
			here, questions = append(here, c), append(questions, c.question)
		}
	}
	if len(here) == 0 {
		return
	}
	answers, err := l.call(here[0].ctx, questions)
	for i, c := range here {
		switch {
		case err == nil:
			c.answer(reply[A]{answer: answers[i : i+1 : i+1]})
		case l.again && len(here) > 1:
			own, err := l.call(c.ctx, questions[i:i+1])
			c.answer(reply[A]{own, err})
		default:
			c.answer(reply[A]{err: err})
		}
	}
}

// call has time of its own, which the end of the caller's context does not cut.
func (l *line[Q, A]) call(ctx context.Context, questions []Q) ([]A, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.bound)
	defer cancel()
	return l.send(ctx, questions)
}
