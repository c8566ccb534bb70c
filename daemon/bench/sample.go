package main

import (
	"cmp"
	"slices"
	"time"
)

// A sample is what one measurement saw.
type sample struct {
	n        int
	rate     float64 // a second
	p50, p99 time.Duration
	each     work // of one answer
}

func newSample(seen [][]time.Duration, took time.Duration) sample {
	all := slices.Concat(seen...)
	slices.Sort(all)
	return sample{n: len(all), rate: float64(len(all)) / took.Seconds(), p50: quantile(all, 0.5), p99: quantile(all, 0.99)}
}

// quantile is that of values in order; of none it is 0.
func quantile[T any](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func median[T cmp.Ordered](values []T) T { return quantile(slices.Sorted(slices.Values(values)), 0.5) }

// A series is one side's samples, one a round.
type series []sample

// each gives one figure of every round.
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

// against is the median of the rounds' ratios: what a busy machine did to a round, it did to both.
func (s series) against(other series, of func(sample) float64) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = of(s[i]) / of(other[i])
	}
	return median(ratios)
}
