package group

import (
	"runtime"
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
		seen := l.watch()
		l.serve(batch)
		seen()
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
// one at a time has the largest batches.
const patience = 5 * time.Millisecond

// watch has a call that takes longer no longer be waited for, until it is done.
func (l *line[Q, A]) watch() (done func()) {
	if l.flights == 1 {
		return func() {}
	}
	timer := time.AfterFunc(patience, l.relieve)
	return func() {
		if !timer.Stop() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.young++
		}
	}
}

func (l *line[Q, A]) relieve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.young--
	if len(l.waiting) > 0 && l.begin() {
		go l.fly()
	}
}
