package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// A client is one persistent connection with a minimal HTTP/1.1. It uses little processor time, which leaves
// the two cores to the measured programs. Every response must have a Content-Length.
type client struct {
	conn net.Conn
	buf  []byte
}

func dial(ctx context.Context, addr string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	return &client{conn: conn, buf: make([]byte, 4096)}, err
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("Content-Length: ")
	statusOK      = []byte("HTTP/1.1 200 ")
)

var errResponse = errors.New("the response is not 200 OK with a Content-Length")

// do sends a request and returns the body of its response. The body is valid until the next call.
func (c *client) do(request []byte) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	n, begin, end := 0, 0, -1
	for end < 0 || n < end {
		if n == len(c.buf) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		more, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return nil, err
		}
		n += more
		if end < 0 {
			if begin, end, err = bodyExtent(c.buf[:n]); err != nil {
				return nil, err
			}
		}
	}
	if !bytes.HasPrefix(c.buf, statusOK) {
		return nil, errResponse
	}
	return c.buf[begin:end], nil
}

// bodyExtent returns where the body of a message begins and ends. The end is -1 while it is not known.
func bodyExtent(message []byte) (begin, end int, err error) {
	head := bytes.Index(message, headEnd)
	if head < 0 {
		return 0, -1, nil
	}
	_, length, found := bytes.Cut(message[:head+2], contentLength)
	if !found {
		return 0, 0, errResponse
	}
	length, _, _ = bytes.Cut(length, headEnd[:2])
	n, err := strconv.Atoi(string(length))
	begin = head + len(headEnd)
	return begin, begin + n, err
}

// A load describes the requests to a server.
type load struct {
	conns      int
	length     time.Duration
	rate       float64 // of an open loop: requests due per second; 0: a closed loop
	generators func() generator
}

// on runs the load against an address.
func (l load) on(ctx context.Context, addr string) (sample, error) {
	clients, err := l.dial(ctx, addr)
	defer func() {
		for _, c := range clients {
			_ = c.conn.Close() // the measurement is over
		}
	}()
	if err != nil {
		return sample{}, err
	}
	defer context.AfterFunc(ctx, func() {
		for _, c := range clients {
			_ = c.conn.SetDeadline(time.Unix(1, 0)) // running requests end immediately
		}
	})()
	return l.run(ctx, clients)
}

func (l load) dial(ctx context.Context, addr string) (clients []*client, err error) {
	for range l.conns {
		c, err := dial(ctx, addr)
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
		if err := c.conn.SetDeadline(time.Now().Add(l.length + waitTimeout)); err != nil {
			return clients, err
		}
	}
	return clients, nil
}

// run lets all clients send requests simultaneously, and collects their latencies.
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
	if err := errors.Join(ctx.Err(), first(errs)); err != nil {
		return sample{}, err
	}
	return newSample(latencies, took), nil
}

// sendRequests sends requests one after another. It ends when the time is over, or when no further request exists or
// is due.
func (l load) sendRequests(c *client, end time.Time, due <-chan time.Time) (took []time.Duration, err error) {
	next, r := l.generators(), &request{}
	for now := time.Now(); now.Before(end) && next(r); {
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

// doChecked sends a request and checks its response.
func (c *client) doChecked(r *request) error {
	body, err := c.do(r.raw)
	if err != nil {
		return err
	}
	if !bytes.Contains(body, r.want) {
		return fmt.Errorf("%w: %.200s", errUnexpected, body)
	}
	return nil
}

func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// schedule returns the times at which requests of an open loop are due, and sends each when it has come. The
// times form a Poisson process, as of many independent clients, and are the same for every program. For a closed
// loop schedule returns nil.
func (l load) schedule(ctx context.Context) <-chan time.Time {
	if l.rate == 0 {
		return nil
	}
	// The buffer is large enough for all due times, so that a slow program never delays the schedule.
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
