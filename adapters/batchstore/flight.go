package batchstore

import (
	"runtime"
	"slices"
	"time"
)

// begin reports whether another call may start, and counts that call. It returns false while a call that is
// not slow is under way, and when the number of calls has reached its limit. The caller holds l.mu.
func (l *line[Q, A]) begin() bool {
	if l.young > 0 || l.flying >= l.flights {
		return false
	}
	l.flying++
	l.young++
	return true
}

func (l *line[Q, A]) end() {
	l.flying--
	l.young--
}

// fly sends batches until no request waits. Before each batch it yields once, because goroutines that are
// ready to run may add requests.
func (l *line[Q, A]) fly() {
	runtime.Gosched()
	for batch := l.next(); batch != nil; batch = l.next() {
		w := l.watch(batch)
		l.serve(batch)
		w.done()
		runtime.Gosched()
	}
}

// land ends the call of [line.alone]. If requests wait, a new goroutine sends them in its place.
func (l *line[Q, A]) land() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		go l.fly()
		return
	}
	l.end()
}

// next takes the next batch from the waiting requests. It returns nil, and ends the loop of [line.fly], if no
// request waits. It does so too if another call that is not slow is under way, because that call's loop takes the
// requests.
func (l *line[Q, A]) next() []call[Q, A] {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), l.batch)
	if n == 0 {
		l.waiting = nil // frees the array, which a load peak has made large
	}
	if n == 0 || l.young > 1 {
		l.end()
		return nil
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return batch
}

// A call is slow once it has run for patience: then another call may start. Before that, a single
// call at a time has the largest batches. From then on, every attention, requests whose context has ended
// are completed with its error.
const (
	patience  = 5 * time.Millisecond
	attention = 50 * time.Millisecond
)

// A watched is one call under way, with the timer that marks it as slow. While a call is slow, it does not
// keep another call from starting.
type watched[Q, A any] struct {
	line  *line[Q, A]
	batch []call[Q, A]
	timer *time.Timer
	slow  bool
	over  bool
}

func (l *line[Q, A]) watch(batch []call[Q, A]) *watched[Q, A] {
	w := &watched[Q, A]{line: l, batch: batch}
	l.mu.Lock()
	defer l.mu.Unlock()
	w.timer = time.AfterFunc(patience, w.look)
	return w
}

func (w *watched[Q, A]) done() {
	w.timer.Stop()
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	w.over = true
	if w.slow {
		w.line.young++
	}
}

// look runs when the call becomes slow, and every attention after that. The first run lets another call
// start. Each run completes the requests whose context has ended.
func (w *watched[Q, A]) look() {
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	switch {
	case w.over:
		return
	case !w.slow:
		w.slow = true
		w.line.relieve()
	}
	for _, c := range w.batch {
		c.left()
	}
	w.line.waiting = slices.DeleteFunc(w.line.waiting, call[Q, A].left)
	w.timer.Reset(attention)
}

// relieve starts another call if requests wait, because the one under way is slow.
func (l *line[Q, A]) relieve() {
	l.young--
	if len(l.waiting) > 0 && l.begin() {
		go l.fly()
	}
}
