package batchstore

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// A line is the batcher of one method: it queues requests while the store is busy, and sends the queued ones
// in one call. Q is the type of a request and A that of its result.
//
// A call is quick at first, and becomes slow after [patience]. The field flying counts all calls under way, and young
// counts the quick ones. No call starts while young is above 0 or flying has reached flights. After a call,
// its goroutine takes the next batch, or it ends.
//
//	event                          flying  young
//	begin: a call starts             +1     +1
//	look: a call becomes slow                -1    another call may start
//	done: a slow call has returned           +1
//	end: the goroutine ends          -1     -1
type line[Q, A any] struct {
	send    func(context.Context, []Q) ([]A, error)
	batch   int // the most requests in one call
	flights int // the most simultaneous calls
	bound   time.Duration
	again   bool // if a batch fails, each of its requests is sent again by itself
	own     bool // a caller with a deadline runs the call itself if the store is free and no other request waits

	mu      sync.Mutex
	waiting []call[Q, A]
	flying  int // calls under way
	young   int // the calls under way that are not slow
}

// A call is one request that waits for its result.
type call[Q, A any] struct {
	ctx      context.Context // of the caller
	question Q
	reply    chan reply[A] // has a buffer of one
}

// wait blocks until the result arrives. It does not select on ctx.Done, which would cost a timer per caller.
// Instead the timer of a slow call completes the requests whose context has ended.
func (c call[Q, A]) wait() ([]A, error) {
	r := <-c.reply
	return r.answer, r.err
}

// answer sets the result. It does nothing if the request has a result already.
func (c call[Q, A]) answer(r reply[A]) {
	select {
	case c.reply <- r:
	default:
	}
}

// left reports whether the caller's context has ended. If so it completes the request with the context's error.
func (c call[Q, A]) left() bool {
	err := c.ctx.Err()
	if err != nil {
		c.answer(reply[A]{err: err})
	}
	return err != nil
}

// A reply is the result of one request. Its answer is a slice of length one of the batch's results, so that
// nothing is copied.
type reply[A any] struct {
	answer []A
	err    error
}

func newLine[Q, A any](o Options, call string, send func(context.Context, []Q) ([]A, error), flights int) *line[Q, A] {
	return &line[Q, A]{send: observed(o, call, send), batch: o.Batch, flights: flights, bound: o.Bound}
}

// ask returns the result of q, as a slice of length one. If ctx ends first it returns the error of ctx.
// The store may or may not have received q then.
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

// join adds a request to the queue, and reports whether the caller must start a call now. It need not start
// one while a call that is not slow is under way, because that call's goroutine takes the request afterwards.
func (l *line[Q, A]) join(c call[Q, A]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, c)
	return l.begin()
}

// lonely yields once, so that goroutines that are ready to run can add requests. If the caller's request is
// still the only one, it removes that from the queue and returns true.
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

// alone sends one request immediately, in the caller's own goroutine. Another goroutine sends the requests that
// arrive in the meantime. The caller's deadline bounds the call. A cancellation of ctx does not end the
// call, because the database connection would be closed with it.
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

// serve sends a batch and completes its requests. It leaves out the requests whose context has ended. If the
// call fails, the outcome is not known: then each request is sent again by itself, if l.again is set.
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

// call sends one batch. Its timeout is l.bound. The end of a caller's context does not end it.
func (l *line[Q, A]) call(ctx context.Context, questions []Q) ([]A, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.bound)
	defer cancel()
	return l.send(ctx, questions)
}
