package batchstore

import (
	"runtime"
	"slices"
	"time"
)

// begin says whether a call may go out, and counts it.
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

// fly sends batches until nobody waits. Before each it lets run who is ready to, since those may join.
func (l *line[Q, A]) fly() {
	runtime.Gosched()
	for batch := l.next(); batch != nil; batch = l.next() {
		w := l.watch(batch)
		l.serve(batch)
		w.done()
		runtime.Gosched()
	}
}

// land ends a flight, or has it go on for those who wait.
func (l *line[Q, A]) land() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		go l.fly()
		return
	}
	l.end()
}

// next takes what is waiting, or lands, also if another call will take it.
func (l *line[Q, A]) next() []call[Q, A] {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), l.batch)
	if n == 0 {
		l.waiting = nil // a crowd's array is not kept
	}
	if n == 0 || l.young > 1 {
		l.end()
		return nil
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return batch
}

// patience is how long one call is waited for before another goes out beside it: while calls are quick,
// one at a time has the largest batches. Then, and from then on every so often, who has left is told so.
const (
	patience  = 5 * time.Millisecond
	attention = 50 * time.Millisecond
)

// A watched call is no longer waited for once it is slow, until it is done.
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

// look is called while the call is slow.
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

// relieve has another call go out beside one that is slow.
func (l *line[Q, A]) relieve() {
	l.young--
	if len(l.waiting) > 0 && l.begin() {
		go l.fly()
	}
}
