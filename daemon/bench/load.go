package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A load describes the requests to a server.
type load struct {
	conns  int
	length time.Duration
	rate   float64 // of an open loop: requests due per second; 0: a closed loop
	askers func() asker
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
		if err := c.conn.SetDeadline(time.Now().Add(l.length + patience)); err != nil {
			return clients, err
		}
	}
	return clients, nil
}

// run lets all clients send requests simultaneously, and collects their latencies.
func (l load) run(ctx context.Context, clients []*client) (sample, error) {
	due := l.schedule(ctx)
	seen, errs := make([][]time.Duration, len(clients)), make([]error, len(clients))
	var all sync.WaitGroup
	start := time.Now()
	for i, c := range clients {
		all.Go(func() { seen[i], errs[i] = l.each(c, start.Add(l.length), due) })
	}
	all.Wait()
	took := time.Since(start)
	if err := errors.Join(ctx.Err(), first(errs)); err != nil {
		return sample{}, err
	}
	return newSample(seen, took), nil
}

// each sends requests one after another. It ends when the time is over, or when no further request exists or
// is due.
func (l load) each(c *client, end time.Time, due <-chan time.Time) (took []time.Duration, err error) {
	ask, q := l.askers(), &question{}
	for now := time.Now(); now.Before(end) && ask(q); {
		begun := now
		if due != nil {
			var more bool
			if begun, more = <-due; !more {
				break
			}
		}
		if err := c.check(q); err != nil {
			return nil, err
		}
		now = time.Now()
		took = append(took, now.Sub(begun))
	}
	return took, nil
}

func (c *client) check(q *question) error {
	body, err := c.ask(q.request)
	if err != nil {
		return err
	}
	if !bytes.Contains(body, q.want) {
		return fmt.Errorf("%w: %.200s", errWrong, body)
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
