package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A load describes requests that a number of connections send to a server for some time.
type load struct {
	conns  int
	length time.Duration
	rate   float64 // the number of requests that are due per second, in an open loop; 0: a closed loop
	next   generator
}

// on sends the load to the server at an address, and measures the responses.
func (l load) on(ctx context.Context, addr string) (sample, error) {
	var clients []*client
	for range l.conns {
		c, err := dial(ctx, addr)
		if err != nil {
			return sample{}, err
		}
		defer func() { _ = c.conn.Close() }() // the measurement is over
		if err := c.conn.SetDeadline(time.Now().Add(l.length + waitTimeout)); err != nil {
			return sample{}, err
		}
		clients = append(clients, c)
	}
	defer context.AfterFunc(ctx, func() {
		for _, c := range clients {
			_ = c.conn.SetDeadline(time.Unix(1, 0)) // a time in the past, so that running requests fail immediately
		}
	})()
	return l.run(ctx, clients)
}

// run lets all clients send requests simultaneously, and collects their latencies. It returns an error if there is no
// response, because a ratio to a rate of 0 means nothing.
func (l load) run(ctx context.Context, clients []*client) (sample, error) {
	due := l.schedule(ctx)
	latencies, errs := make([][]time.Duration, len(clients)), make([]error, len(clients))
	var all sync.WaitGroup
	start := time.Now()
	for i, c := range clients {
		all.Go(func() { latencies[i], errs[i] = l.sendRequests(c, start.Add(l.length), due) })
	}
	all.Wait()
	took := time.Since(start)
	if err := errors.Join(ctx.Err(), cmp.Or(errs...)); err != nil {
		return sample{}, err
	}
	got := newSample(latencies, took)
	if got.n == 0 {
		return got, fmt.Errorf("%w: no response, because no request was left", errUnexpected)
	}
	return got, nil
}

// sendRequests sends requests one after another, and returns their latencies. It stops when the generator has no further
// request. A closed loop also stops at the time end, and an open loop when the channel due is closed and empty. So an open
// loop also sends the requests that were due before the end, while no connection was free.
func (l load) sendRequests(c *client, end time.Time, due <-chan time.Time) (took []time.Duration, err error) {
	r := &request{}
	for now := time.Now(); (due != nil || now.Before(end)) && l.next(r); {
		start := now
		if due != nil {
			var more bool
			if start, more = <-due; !more {
				break
			}
		}
		if err := c.doChecked(r); err != nil {
			return nil, err
		}
		now = time.Now()
		took = append(took, now.Sub(start))
	}
	return took, nil
}

// schedule returns a channel that delivers the time of each request of an open loop, as soon as the request is due. The
// times form a Poisson process, like the requests of many independent clients, and are the same for every program. For
// a closed loop, schedule returns nil.
func (l load) schedule(ctx context.Context) <-chan time.Time {
	if l.rate == 0 {
		return nil
	}
	// The buffer is large enough for all due times, so that a slow program never delays the schedule.
	due := make(chan time.Time, int(2*l.rate*l.length.Seconds())+1000)
	go func() {
		runtime.LockOSThread() // because sleep, which is more precise than the timers of the Go runtime, blocks the thread
		defer runtime.UnlockOSThread()
		defer close(due)
		draw := rand.New(rand.NewPCG(1, 2))
		start := time.Now()
		for at := time.Duration(0); at < l.length && ctx.Err() == nil; {
			sleep(time.Until(start.Add(at)))
			due <- start.Add(at)
			at += time.Duration(draw.ExpFloat64() / l.rate * float64(time.Second))
		}
	}()
	return due
}

// codeOf returns the code of the i-th key.
func codeOf(i int) string { return fmt.Sprintf("K%09d", i) }

// appendCode appends the code of the i-th key, as [codeOf] returns it, without an allocation for the code.
func appendCode(to []byte, i int) []byte {
	return append(append(to, 'K'), strconv.Itoa(1_000_000_000 + i)[1:]...)
}

// infoRequests returns a generator of info requests for random keys. A key's username contains the key's code, so the
// check of a response detects the response for another key.
func infoRequests(keys int) generator {
	return func(r *request) bool {
		i := rand.IntN(keys)
		r.raw = appendCode(append(r.raw[:0], "GET /API/?info="...), i)
		r.raw = append(r.raw, " HTTP/1.1\r\nHost: bench\r\n\r\n"...)
		r.want = append(appendCode(append(r.want[:0], `"username":"u-`...), i), '"')
		return true
	}
}

// anyInfoRequests returns a generator of info requests for random keys. A response may show any status of the key.
func anyInfoRequests(keys int) generator {
	next := infoRequests(keys)
	return func(r *request) bool {
		more := next(r)
		r.want = append(r.want[:0], `"purchase_date":"`...)
		return more
	}
}

const upgradeForm = "%40example.com&pwd=a-secret-password-1&country=US"

// upgradeRequests returns a generator of one upgrade request for each of n keys. The function code appends the code of
// the i-th key. Each request has a login of its own, because a daemon limits the requests with one login.
func upgradeRequests(n int, code func(to []byte, i int) []byte) generator {
	var next atomic.Int64
	const toLogin = "&login="
	length := len("upgrade=") + 2*len(code(nil, 0)) + len(toLogin) + len(upgradeForm)
	head := "POST /API/ HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
		strconv.Itoa(length) + "\r\n\r\nupgrade="
	return func(r *request) bool {
		i := int(next.Add(1)) - 1
		if i >= n {
			return false
		}
		r.raw = append(code(append(r.raw[:0], head...), i), toLogin...)
		r.raw = append(code(r.raw, i), upgradeForm...)
		r.want = append(r.want[:0], `{"status":"success","message":"Upgrade request sent successfully`...)
		return true
	}
}

// stockRequests returns a generator of stock requests. Each response must contain the text want.
func stockRequests(want string) generator {
	return func(r *request) bool {
		r.raw = append(r.raw[:0], "GET /API/?stock HTTP/1.1\r\nHost: bench\r\n\r\n"...)
		r.want = append(r.want[:0], want...)
		return true
	}
}
