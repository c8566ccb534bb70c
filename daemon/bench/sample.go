package main

import (
	"cmp"
	"slices"
	"time"
)

// A sample is the result of one measurement.
type sample struct {
	n        int
	rate     float64 // per second
	p50, p99 time.Duration
	each     work // per response
}

func newSample(seen [][]time.Duration, took time.Duration) sample {
	all := slices.Concat(seen...)
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

// A series is the samples of one side, one per round.
type series []sample

// each returns one figure of every round.
func (s series) each(of func(sample) float64) []float64 {
	all := make([]float64, len(s))
	for i := range s {
		all[i] = of(s[i])
	}
	return all
}

func rate(s sample) float64 { return s.rate }
func p50(s sample) float64  { return float64(s.p50) }
func p99(s sample) float64  { return float64(s.p99) }

func onServer(s sample) float64   { return float64(s.each.server) }
func onDatabase(s sample) float64 { return float64(s.each.database) }

func (s series) median(of func(sample) float64) float64 { return median(s.each(of)) }

// against returns the median of the rounds' ratios. It compares within a round, because other load on the
// machine affects both sides of a round.
func (s series) against(other series, of func(sample) float64) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = of(s[i]) / of(other[i])
	}
	return median(ratios)
}
