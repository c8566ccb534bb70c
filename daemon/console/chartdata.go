package console

import (
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// A cachedChart has the charts of a selection, and the time at which they were read.
type cachedChart struct {
	at        time.Time
	outcomes  *outcomeChart
	durations durationChart
}

// maxDurations is the number of the newest ended tasks whose durations the console reads.
const maxDurations = 2000

// A cachedSold is the number of delivered slots of a country, and the time at which it was read.
type cachedSold struct {
	at   time.Time
	sold stats.Sold
}

// A durationChart shows how long attempts took.
type durationChart struct {
	Kinds   []kindDurations
	Buckets []durationBucket
	Tasks   int  // number of the attempts
	Limited bool // there are older tasks that were not read
}

// kindDurations summarizes the attempts of a kind.
type kindDurations struct {
	Kind                 tasks.Kind
	Attempts             int
	Median, P95, Longest time.Duration
}

// A durationBucket counts the attempts that took up to Most and longer than the bucket before, per kind.
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

// quantile returns the shortest duration that is not exceeded by the given percentage of sorted durations.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// overviewData is what the overview reads from the store.
type overviewData struct {
	At          time.Time
	Queue       stats.Queue
	Levels      []stock.Level
	Outcomes    *outcomeChart // nil: the store does not count tasks by hour
	Durations   durationChart
	Recent      []tasks.Snapshot // the newest tasks
	Unavailable []view.Plan
	MorePlans   bool // there may be more such plans
}

// overviewCache holds the last data. Only one request reads the store at a time, and the data is reused for
// [maxAge]. Therefore many open overviews cost the store no more than one.
type overviewCache struct {
	mu     sync.Mutex
	last   overviewData
	charts map[chartSelection]cachedChart
	sold   map[stock.Country]cachedSold
}
