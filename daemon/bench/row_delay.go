package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// rowDelay measures the time from a client's request to the daemon's call of the provider. It measures this
// with an idle daemon, and with another daemon that makes the call because the first one has no free worker.
func rowDelay(ctx context.Context, b *bench) ([]result, error) {
	s, err := b.newUpgradeSetup(ctx)
	if err != nil {
		return nil, err
	}
	received := make(chan []byte, 1000)
	url, err := (&provider{onOrder: func(body []byte) { received <- body }}).start(ctx)
	if err != nil {
		return nil, err
	}
	d := &delaySetup{s, url, received}
	own, err := d.measureOwn(ctx, b.rounds*100)
	if err != nil {
		return nil, err
	}
	other, err := d.measureOther(ctx, b.rounds*5)
	if err != nil {
		return nil, err
	}
	return []result{
		atMost("from a request to the provider's call, idle daemon, p99", own.latencyText(), own[0].p99, 20*time.Millisecond),
		atMost("the same with the call by another daemon, longest", "p50 "+duration(float64(median(other))), slices.Max(other), 1100*time.Millisecond),
	}, nil
}

// A delaySetup measures the time from a client's request to the call of the provider.
type delaySetup struct {
	*setup
	provider string        // URL
	received <-chan []byte // the requests to the provider
}

// measureOwn measures with one daemon.
func (d *delaySetup) measureOwn(ctx context.Context, n int) (series, error) {
	if err := fillUnusedKeys(ctx, d.url, n); err != nil {
		return nil, err
	}
	s, err := d.worker(ctx)
	if err != nil {
		return nil, err
	}
	defer s.kill()
	all, err := d.measureEach(ctx, s.addr, upgradeRequests(n, appendCode), n, 20*time.Millisecond)
	return series{newSample([][]time.Duration{all}, time.Second)}, err
}

// measureOther measures with two daemons. One accepts, and its only worker is busy with the first task forever. The
// other one is idle.
func (d *delaySetup) measureOther(ctx context.Context, n int) ([]time.Duration, error) {
	if err := fillUnusedKeys(ctx, d.url, n+1); err != nil {
		return nil, err
	}
	busy, err := d.startOurs(ctx)
	if err != nil {
		return nil, err
	}
	defer busy.kill()
	next := upgradeRequests(n+1, appendCode)
	if err := d.occupy(ctx, busy.addr, next); err != nil {
		return nil, err
	}
	idle, err := d.worker(ctx)
	if err != nil {
		return nil, err
	}
	defer idle.kill()
	return d.measureEach(ctx, busy.addr, next, n, time.Second)
}

// occupy sends a daemon its first task, and waits until the daemon has leased it.
func (d *delaySetup) occupy(ctx context.Context, addr string, next generator) error {
	c, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }() // the measurement is over
	r := &request{}
	next(r)
	if err := c.doChecked(r); err != nil {
		return err
	}
	for {
		n, err := query[int](ctx, d.url, `SELECT count(*) FROM keyseat_tasks WHERE leased_until IS NOT NULL`)
		if err != nil || n == 1 {
			return err
		}
		time.Sleep(10 * time.Millisecond) // only the database shows the lease, so poll
	}
}

// worker starts a daemon whose provider answers.
func (d *delaySetup) worker(ctx context.Context) (*server, error) {
	return d.serve(ctx, "--connector", d.provider)
}

// measureEach sends n requests one after another, with random pauses of up to pause. So the daemon is idle, and the
// requests arrive at any time between two of its polls.
func (d *delaySetup) measureEach(ctx context.Context, addr string, next generator, n int, pause time.Duration) (all []time.Duration, err error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.conn.Close() }() // the measurement is over
	for r := (&request{}); len(all) < n && ctx.Err() == nil; {
		time.Sleep(time.Duration(rand.Int64N(int64(pause))))
		next(r)
		start := time.Now()
		if err := c.doChecked(r); err != nil {
			return nil, err
		}
		if err := d.waitOrder(ctx); err != nil {
			return nil, err
		}
		all = append(all, time.Since(start))
	}
	return all, ctx.Err()
}

// waitOrder waits until the provider receives its next request.
func (d *delaySetup) waitOrder(ctx context.Context) error {
	select {
	case body := <-d.received:
		if !bytes.Contains(body, []byte(`@example.com"`)) {
			return fmt.Errorf("%w: a request without its login", errUnexpected)
		}
		return nil
	case <-time.After(waitTimeout):
		return fmt.Errorf("%w: the provider has received no request", errUnexpected)
	case <-ctx.Done():
		return ctx.Err()
	}
}
