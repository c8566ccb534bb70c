package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"
)

// schedule gives the moments at which requests of an open loop are due, each when it has come: as of
// many who know nothing of each other, the same for every side. It is nil for a closed loop.
func (l load) schedule(ctx context.Context) <-chan time.Time {
	if l.rate == 0 {
		return nil
	}
	// Whoever is late finds all that was due meanwhile, however much that is.
	due := make(chan time.Time, int(2*l.rate*l.length.Seconds())+1000)
	go func() {
		runtime.LockOSThread() // which sleeps by itself: the runtime's timers are a millisecond coarse
		defer runtime.UnlockOSThread()
		defer close(due)
		draw := rand.New(rand.NewPCG(1, 2))
		start := time.Now()
		for at := time.Duration(0); at < l.length && ctx.Err() == nil; at += gap(draw, l.rate) {
			sleep(time.Until(start.Add(at)))
			due <- start.Add(at)
		}
	}()
	return due
}

// gap is the time between two requests.
func gap(draw *rand.Rand, rate float64) time.Duration {
	return time.Duration(draw.ExpFloat64() / rate * float64(time.Second))
}
