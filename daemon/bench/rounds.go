package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A side makes one complete measurement of one program.
type side func(ctx context.Context) (sample, error)

// alternate measures every side once per round. Each round reverses the order.
func (b *bench) alternate(ctx context.Context, sides ...side) ([]series, error) {
	all := make([]series, len(sides))
	for round := range b.rounds {
		order := []int{}
		for i := range sides {
			order = append(order, i)
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			s, err := sides[i](ctx)
			if err != nil {
				return nil, fmt.Errorf("side %d of round %d: %w", i+1, round+1, err)
			}
			all[i] = append(all[i], s)
		}
	}
	return all, nil
}

// warmth is the time for which a server gets load before the measurement.
const warmth = time.Second

// loaded returns a side that starts a server, warms it up, measures it under a load and stops it.
func (b *bench) loaded(start starter, l func() load) side {
	return func(ctx context.Context) (sample, error) {
		got, _, err := b.once(ctx, start, l())
		return got, err
	}
}

// once makes the measurement of loaded. It also returns the number of all responses, including the warm-up.
func (b *bench) once(ctx context.Context, start starter, l load) (got sample, all int, err error) {
	s, err := start(ctx)
	if err != nil {
		return got, 0, err
	}
	defer s.kill()
	warm := l
	warm.length, warm.rate = min(warmth, l.length), 0
	first, err := warm.on(ctx, s.addr)
	before := b.used(s.process)
	if err == nil {
		got, err = l.on(ctx, s.addr)
	}
	if err != nil {
		return got, 0, fmt.Errorf("%s: %w: %s", s.name, err, s.tail())
	}
	got.each = b.used(s.process).since(before).each(got.n)
	return got, first.n + got.n, nil
}
