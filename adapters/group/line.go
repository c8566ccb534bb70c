package group

import (
	"context"
	"sync"
	"time"
)

// A line gathers questions while the store is busy and sends what is waiting in one call.
type line[Q, A any] struct {
	send    func(context.Context, []Q) ([]A, error)
	batch   int // the most questions of one call
	flights int // the most calls at once
	bound   time.Duration

	mu      sync.Mutex
	waiting []call[Q, A]
	flying  int
}

// A call is one waiting question.
type call[Q, A any] struct {
	ctx      context.Context // of the caller, who may have left
	question Q
	reply    chan reply[A] // with room for one, so that nobody waits for a caller who has left
}

type reply[A any] struct {
	answer A
	err    error
}

func newLine[Q, A any](send func(context.Context, []Q) ([]A, error), batch, flights int, bound time.Duration) *line[Q, A] {
	return &line[Q, A]{send: send, batch: batch, flights: flights, bound: bound}
}

// ask waits for the answer, or for the end of the context: then it is not known whether the question
// went out.
func (l *line[Q, A]) ask(ctx context.Context, q Q) (A, error) {
	c := call[Q, A]{ctx, q, make(chan reply[A], 1)}
	l.mu.Lock()
	l.waiting = append(l.waiting, c)
	if l.flying < l.flights {
		l.flying++
		go l.fly()
	}
	l.mu.Unlock()
	select {
	case r := <-c.reply:
		return r.answer, r.err
	case <-ctx.Done():
		var none A
		return none, ctx.Err()
	}
}

// fly sends batches until nobody waits.
func (l *line[Q, A]) fly() {
	for batch := l.next(); batch != nil; batch = l.next() {
		l.serve(batch)
	}
}

// next takes what is waiting, or lands.
func (l *line[Q, A]) next() []call[Q, A] {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), l.batch)
	if n == 0 {
		l.flying--
		l.waiting = nil // a crowd's array is not kept
		return nil
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return batch
}

// serve asks for those who are still there.
func (l *line[Q, A]) serve(batch []call[Q, A]) {
	here := make([]call[Q, A], 0, len(batch))
	questions := make([]Q, 0, len(batch))
	for _, c := range batch {
		if c.ctx.Err() == nil {
			here, questions = append(here, c), append(questions, c.question)
		}
	}
	if len(here) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(here[0].ctx), l.bound)
	defer cancel()
	answers, err := l.send(ctx, questions)
	for i, c := range here {
		c.reply <- at(answers, i, err)
	}
}

// at picks the reply to one question; an unknown verdict is an error of its own.
func at[A any](answers []A, i int, err error) reply[A] {
	if err != nil {
		return reply[A]{err: err}
	}
	if own, is := any(answers[i]).(unknown); is {
		return reply[A]{err: own.error}
	}
	return reply[A]{answer: answers[i]}
}
