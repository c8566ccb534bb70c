package main

import (
	"cmp"
	"slices"
	"time"
)

// A sample is the result of one measurement.
type sample struct {
	n        int           // the number of responses
	all      int           // the number of responses, including those of the warm-up
	rate     float64       // the number of responses per second
	p50, p99 time.Duration // quantiles of the latencies
	cpu      cpuTime       // the processor time per response
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

// A series has the samples of one candidate, one for each round.
type series []sample

func rate(s sample) float64 { return s.rate }
func p50(s sample) float64  { return float64(s.p50) }
func p99(s sample) float64  { return float64(s.p99) }

func onServer(s sample) float64   { return float64(s.cpu.server) }
func onDatabase(s sample) float64 { return float64(s.cpu.database) }

// median returns the median over the rounds of the value that the function of returns for a sample.
func (s series) median(of func(sample) float64) float64 {
	values := make([]float64, len(s))
	for i := range s {
		values[i] = of(s[i])
	}
	return median(values)
}

// against returns the median over the rounds of the ratio of a value to the same value of another series. It compares
// samples of the same round, because other load on the machine affects all candidates of a round.
func (s series) against(other series, of func(sample) float64) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = of(s[i]) / of(other[i])
	}
	return median(ratios)
}

// A cpuTime is the processor time of a measured server, and that of all processes of PostgreSQL. On a machine with
// other load, processor time is more reliable than elapsed time.
type cpuTime struct{ server, database time.Duration }

func (c cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{c.server - before.server, c.database - before.database}
}

// per returns the processor time for each of n responses.
func (c cpuTime) per(n int) cpuTime {
	n = max(n, 1)
	return cpuTime{c.server / time.Duration(n), c.database / time.Duration(n)}
}
