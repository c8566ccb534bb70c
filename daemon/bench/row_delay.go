package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// rowDelay looks how soon the provider is asked about what an idle daemon accepts, and when another
// daemon does so because the one that accepted has no free hand. It counts from the sending of the
// request.
func rowDelay(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.upgradeStage(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := newProvider(ctx, false)
	if err != nil {
		return nil, err
	}
	come := make(chan []byte, 1000)
	p.told = func(order []byte) { come <- order }
	go p.run()
	d := &delays{s, p, come}
	own, err := d.own(ctx, b.rounds*100)
	if err != nil {
		return nil, err
	}
	other, err := d.other(ctx, b.rounds*5)
	if err != nil {
		return nil, err
	}
	return []result{
		bounded("request to provider asked, idle daemon, p99", own.waited(), own[0].p99, 20*time.Millisecond),
		bounded("the same, asked by another daemon, longest", "p50 "+duration(float64(median(other))), slices.Max(other), 1100*time.Millisecond),
	}, nil
}

// delays measure from a request to the provider's being asked.
type delays struct {
	*stage
	provider *provider
	come     <-chan []byte
}

// own has one daemon.
func (d *delays) own(ctx context.Context, n int) (series, error) {
	if err := freshKeys(ctx, d.url, n); err != nil {
		return nil, err
	}
	s, err := d.worker(ctx)
	if err != nil {
		return nil, err
	}
	defer s.kill()
	all, err := d.each(ctx, s.addr, upgrades(n)(), n, 20*time.Millisecond)
	return series{newSample([][]time.Duration{all}, time.Second)}, err
}

// other has one that accepts and is busy for ever with its first task, and one that is idle.
func (d *delays) other(ctx context.Context, n int) ([]time.Duration, error) {
	if err := freshKeys(ctx, d.url, n+1); err != nil {
		return nil, err
	}
	busy, err := d.ours(ctx)
	if err != nil {
		return nil, err
	}
	defer busy.kill()
	ask := upgrades(n + 1)()
	if err := d.occupy(ctx, busy.addr, ask); err != nil {
		return nil, err
	}
	idle, err := d.worker(ctx)
	if err != nil {
		return nil, err
	}
	defer idle.kill()
	return d.each(ctx, busy.addr, ask, n, time.Second)
}

// occupy gives a daemon its first task, and waits until it has taken it.
func (d *delays) occupy(ctx context.Context, addr string, ask asker) error {
	c, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }() // it has done its work
	q := &question{}
	ask(q)
	if err := c.check(q); err != nil {
		return err
	}
	for {
		n, err := number(ctx, d.url, `SELECT count(*) FROM keyseat_tasks WHERE leased_until IS NOT NULL`)
		if err != nil || n == 1 {
			return err
		}
		time.Sleep(10 * time.Millisecond) // it can only be asked for
	}
}

// worker is a daemon whose provider answers.
func (d *delays) worker(ctx context.Context) (*server, error) {
	return d.serve(ctx, d.url, "--master-key-file", d.flag[1], "--connector", d.provider.url())
}

// each asks one after the other, with pauses of up to so long, so that the daemon is idle and its
// polls are met at any moment.
func (d *delays) each(ctx context.Context, addr string, ask asker, n int, pause time.Duration) (all []time.Duration, err error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.conn.Close() }() // it has done its work
	for q := (&question{}); len(all) < n && ctx.Err() == nil; {
		time.Sleep(time.Duration(rand.Int64N(int64(pause))))
		ask(q)
		start := time.Now()
		if err := c.check(q); err != nil {
			return nil, err
		}
		if err := d.await(ctx); err != nil {
			return nil, err
		}
		all = append(all, time.Since(start))
	}
	return all, ctx.Err()
}

// await waits for the one order that is to come.
func (d *delays) await(ctx context.Context) error {
	select {
	case order := <-d.come:
		if !bytes.Contains(order, []byte(`"someone@example.com"`)) {
			return fmt.Errorf("%w: an order without its login", errWrong)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%w: nobody has asked the provider", errWrong)
	case <-ctx.Done():
		return ctx.Err()
	}
}
