package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// A candidate makes one complete measurement of one program.
type candidate func(ctx context.Context) (sample, error)

// alternate measures every candidate once per round. Each round reverses the order.
func (b *bench) alternate(ctx context.Context, candidates ...candidate) ([]series, error) {
	all := make([]series, len(candidates))
	for round := range b.rounds {
		order := []int{}
		for i := range candidates {
			order = append(order, i)
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			s, err := candidates[i](ctx)
			if err != nil {
				return nil, fmt.Errorf("candidate %d of round %d: %w", i+1, round+1, err)
			}
			all[i] = append(all[i], s)
		}
	}
	return all, nil
}

// warmup is the time for which a server gets load before the measurement.
const warmup = time.Second

// underLoad returns a candidate that starts a server, warms it up, measures it under a load and stops it.
func (b *bench) underLoad(start starter, l func() load) candidate {
	return func(ctx context.Context) (sample, error) {
		got, _, err := b.measureOnce(ctx, start, l())
		return got, err
	}
}

// measureOnce makes the measurement of [bench.underLoad]. It also returns the number of all responses, including the warm-up.
func (b *bench) measureOnce(ctx context.Context, start starter, l load) (got sample, all int, err error) {
	s, err := start(ctx)
	if err != nil {
		return got, 0, err
	}
	defer s.kill()
	warm := l
	warm.length, warm.rate = min(warmup, l.length), 0
	first, err := warm.on(ctx, s.addr)
	before := b.cpuOf(s.process)
	if err == nil {
		got, err = l.on(ctx, s.addr)
	}
	if err != nil {
		return got, 0, fmt.Errorf("%s: %w: %s", s.name, err, s.logTail())
	}
	got.cpu = b.cpuOf(s.process).since(before).per(got.n)
	return got, first.n + got.n, nil
}

// A sample is the result of one measurement.
type sample struct {
	n        int
	rate     float64 // per second
	p50, p99 time.Duration
	cpu      cpuTime // per response
}

func newSample(latencies [][]time.Duration, took time.Duration) sample {
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return sample{n: len(all), rate: float64(len(all)) / took.Seconds(), p50: quantile(all, 0.5), p99: quantile(all, 0.99)}
}

// quantile returns the q-quantile of sorted values, or 0 without values.
func quantile[T any](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func median[T cmp.Ordered](values []T) T { return quantile(slices.Sorted(slices.Values(values)), 0.5) }

// A series is the samples of one candidate, one per round.
type series []sample

// values returns one value of every round.
func (s series) values(of func(sample) float64) []float64 {
	all := make([]float64, len(s))
	for i := range s {
		all[i] = of(s[i])
	}
	return all
}

func rate(s sample) float64 { return s.rate }
func p50(s sample) float64  { return float64(s.p50) }
func p99(s sample) float64  { return float64(s.p99) }

func onServer(s sample) float64   { return float64(s.cpu.server) }
func onDatabase(s sample) float64 { return float64(s.cpu.database) }

func (s series) median(of func(sample) float64) float64 { return median(s.values(of)) }

// against returns the median of the rounds' ratios. It compares within a round, because other load on the
// machine affects both candidates of a round.
func (s series) against(other series, of func(sample) float64) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = of(s[i]) / of(other[i])
	}
	return median(ratios)
}
