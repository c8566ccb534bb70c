package main

import (
	"context"
	"fmt"
	"time"
)

// A candidate is a function that makes one complete measurement of one program.
type candidate func(ctx context.Context) sample

// alternate measures every candidate once per round, in every second round in reverse order. It returns their series.
func (b *bench) alternate(ctx context.Context, candidates ...candidate) []series {
	all := make([]series, len(candidates))
	for round := range b.rounds {
		for i := range candidates {
			if round%2 == 1 {
				i = len(candidates) - 1 - i
			}
			err := try(func() { all[i] = append(all[i], candidates[i](ctx)) })
			if err != nil {
				check(fmt.Errorf("candidate %d of round %d: %w", i+1, round+1, err))
			}
		}
	}
	return all
}

// warmup is the duration of the load on a server before its measurement.
const warmup = time.Second

// underLoad returns a candidate that measures a server with [bench.measureOnce].
func (b *bench) underLoad(start starter, l load) candidate {
	return func(ctx context.Context) sample { return b.measureOnce(ctx, start, l) }
}

// alternateUnder measures programs under the same load with [bench.alternate].
func (b *bench) alternateUnder(ctx context.Context, l load, programs ...starter) []series {
	var all []candidate
	for _, start := range programs {
		all = append(all, b.underLoad(start, l))
	}
	return b.alternate(ctx, all...)
}

// measureOnce starts a server, warms it up, measures it under a load and stops it.
func (b *bench) measureOnce(ctx context.Context, start starter, l load) (got sample) {
	s := start(ctx)
	defer s.kill()
	warm := l
	warm.length, warm.rate = min(warmup, l.length), 0
	first, err := warm.on(ctx, s.addr)
	before := b.cpuOf(s.process)
	if err == nil {
		got, err = l.on(ctx, s.addr)
	}
	if err != nil {
		check(fmt.Errorf("%s: %w: %s", s.name, err, s.logTail()))
	}
	got.cpu, got.all = b.cpuOf(s.process).since(before).per(got.n), first.n+got.n
	return got
}
