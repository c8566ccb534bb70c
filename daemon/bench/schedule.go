package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"
)

// schedule returns the times at which requests of an open loop are due, and sends each when it has come. The
// times form a Poisson process, as of many independent clients, and are the same for every side. For a closed
// loop schedule returns nil.
func (l load) schedule(ctx context.Context) <-chan time.Time {
	if l.rate == 0 {
		return nil
	}
	// The buffer is large enough for all due times, so that a slow side never delays the schedule.
	due := make(chan time.Time, int(2*l.rate*l.length.Seconds())+1000)
	go func() {
		runtime.LockOSThread() // sleep blocks the thread, because the runtime's timers have a resolution of a millisecond
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

// gap returns the random time between two requests.
func gap(draw *rand.Rand, rate float64) time.Duration {
	return time.Duration(draw.ExpFloat64() / rate * float64(time.Second))
}
