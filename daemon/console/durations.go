package console

import (
	"slices"
	"time"

	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/tasks"
)

// maxDurations is the maximum number of ended tasks that the console reads for the chart of durations. It reads the
// newest tasks.
const maxDurations = 2000

// A durationChart shows how long attempts took.
type durationChart struct {
	Kinds   []kindDurations
	Buckets []durationBucket
	Tasks   int  // number of tasks in the chart: one attempt of each is counted
	Limited bool // there may be older tasks that were not read
}

type kindDurations struct {
	Kind                 tasks.Kind
	Attempts             int
	Median, P95, Longest time.Duration
}

// A durationBucket counts, per kind, the attempts that took up to Most, but longer than Most of the previous bucket.
type durationBucket struct {
	Most   time.Duration // 0: any duration
	Counts []int
}

// newDurationChart returns the chart of the tasks that ended with their first attempt.
func newDurationChart(ended []tasks.Snapshot) durationChart {
	chart := durationChart{Limited: len(ended) >= maxDurations}
	for most := 10 * time.Millisecond; most < 100*time.Second; most *= 2 {
		chart.Buckets = append(chart.Buckets, durationBucket{most, make([]int, len(tasks.Kinds()))})
	}
	chart.Buckets = append(chart.Buckets, durationBucket{0, make([]int, len(tasks.Kinds()))})
	for i, kind := range tasks.Kinds() {
		var all []time.Duration
		for _, v := range ended {
			if t := v.Task; t.Kind == kind && t.Attempts == 1 && t.LostLeases == 0 && !t.FirstAttempt.IsZero() {
				all = append(all, max(0, t.EndedAt.Sub(t.FirstAttempt)))
			}
		}
		for _, d := range all {
			at := slices.IndexFunc(chart.Buckets, func(b durationBucket) bool { return b.Most == 0 || d <= b.Most })
			chart.Buckets[at].Counts[i]++
		}
		k := kindDurations{Kind: kind, Attempts: len(all)}
		if slices.Sort(all); len(all) > 0 {
			k.Median, k.P95, k.Longest = quantile(all, 50), quantile(all, 95), all[len(all)-1]
		}
		chart.Kinds, chart.Tasks = append(chart.Kinds, k), chart.Tasks+len(all)
	}
	return chart
}

// quantile returns a percentile: the shortest duration that is at least as long as the given percentage of the sorted
// durations.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// connectorStats are the statistics of the connector's calls with one kind and effect. P95 is the 95th percentile.
type connectorStats struct {
	metrics.ConnectorStats
	Attempts          int
	Mean, Median, P95 time.Duration
	Bars              []bucketBar
}

// A bucketBar is the bar that shows one bucket of a histogram. X is the index of the bucket. Height is the count of the
// bucket in percent of the largest count, and Top is 100 minus Height.
type bucketBar struct{ X, Top, Height float64 }

func newConnectorStats(all []metrics.ConnectorStats) (stats []connectorStats) {
	for _, a := range all {
		attempts := int(a.Count) //nolint:gosec // the number of calls fits into an int
		mean := a.Total / time.Duration(attempts)
		stats = append(stats, connectorStats{a, attempts, mean, a.Quantile(0.5), a.Quantile(0.95), bucketBars(a.Buckets)})
	}
	return stats
}

func bucketBars(buckets []metrics.Bucket) (bars []bucketBar) {
	counts, before, highest := make([]uint64, len(buckets)), uint64(0), uint64(1)
	for i, b := range buckets {
		counts[i], before = b.Count-before, b.Count
		highest = max(highest, counts[i])
	}
	for i, n := range counts {
		height := 100 * float64(n) / float64(highest)
		bars = append(bars, bucketBar{float64(i), 100 - height, height})
	}
	return bars
}
