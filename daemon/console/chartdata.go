package console

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// A chartSelection is what the charts show: a period, and the tasks of the chart of outcomes.
type chartSelection struct {
	chartRange
	stats.Filter
}

// chartFilter returns the frame of the filters of the charts, and the selection of the query.
func (r *request) chartFilter() (l listing, s chartSelection, err error) {
	l = r.newListing("/", []string{"range"}, filterField{Name: "country", Label: "Country", Hint: "US"}, filterField{Name: "plan", Label: "Plan"})
	country, err := parseFilterCountry(l.value("country"))
	s.chartRange, s.Country, s.Plan = findRange(l.value("range")), stock.Country(country), l.value("plan")
	return l, s, err
}

// A cachedChart has the charts of a selection, and the time at which they were read.
type cachedChart struct {
	at        time.Time
	outcomes  *outcomeChart
	durations durationChart
}

// maxCachedCharts is the number of selections that the cache keeps.
const maxCachedCharts = 64

// readCharts reads the charts, unless they were read a short time ago.
func (c *Console) readCharts(ctx context.Context, d *overviewData, s chartSelection, now time.Time) error {
	last, known := c.cache.charts[s]
	if age := now.Sub(last.at); !known || age < 0 || age >= s.maxAge {
		last = cachedChart{at: now}
		var err error
		if last.outcomes, err = c.readOutcomes(ctx, s, now); err != nil {
			return err
		}
		if last.durations, err = c.readDurations(ctx, s.start(now)); err != nil {
			return err
		}
		if c.cache.charts == nil || len(c.cache.charts) >= maxCachedCharts {
			c.cache.charts = map[chartSelection]cachedChart{}
		}
		c.cache.charts[s] = last
	}
	d.Outcomes, d.Durations = last.outcomes, last.durations
	return nil
}

// readOutcomes reads the chart of outcomes: the tasks of a period, and those of the period before.
func (c *Console) readOutcomes(ctx context.Context, s chartSelection, now time.Time) (*outcomeChart, error) {
	if c.TaskStats == nil {
		return nil, nil //nolint:nilnil // there is no chart
	}
	from := s.start(now)
	counts, err := c.countHours(ctx, from, s)
	if err != nil {
		return nil, err
	}
	before, err := c.countHours(ctx, from.Add(time.Duration(-s.hours)*time.Hour), s)
	return newOutcomeChart(s, from, counts, before), err
}

// countHours counts the tasks of the hours of a selection. It reads the hours in several parts, because one read is
// limited.
func (c *Console) countHours(ctx context.Context, from time.Time, s chartSelection) (all []stats.HourCount, _ error) {
	for first := 0; first < s.hours; first += stats.MaxHours {
		part, err := c.TaskStats.CountByHour(ctx, from.Add(time.Duration(first)*time.Hour), min(s.hours-first, stats.MaxHours), s.Filter)
		if err != nil {
			return nil, err
		}
		for _, count := range part {
			count.Hour += first
			all = append(all, count)
		}
	}
	return all, nil
}

// maxDurations is the number of the newest ended tasks whose durations the console reads.
const maxDurations = 2000

// readDurations reads the durations of attempts since a time, over all daemons. A task has the times of its first
// attempt and of its end. So the duration is known of a task that ended with its first attempt.
func (c *Console) readDurations(ctx context.Context, since time.Time) (durationChart, error) {
	l, err := c.AdminStore.Tasks(ctx, adminstore.TaskFilter{State: adminstore.EndedTask, Since: since}, adminstore.Page{Order: adminstore.Newest, Limit: maxDurations})
	return newDurationChart(l.Entries), err
}

// A cachedSold is the number of delivered slots of a country, and the time at which it was read.
type cachedSold struct {
	at   time.Time
	sold stats.Sold
}

// The rate of sales is that of the last soldPeriod, or of the newest maxSold slots. It is read once in soldMaxAge.
const (
	soldPeriod = 7 * 24 * time.Hour
	maxSold    = 200
	soldMaxAge = time.Minute
)

// readSold returns the delivered slots of countries. It reads those that it has not read a short time ago.
func (c *Console) readSold(ctx context.Context, countries []stock.Country) (map[stock.Country]stats.Sold, error) {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	now, all := c.Now(), map[stock.Country]stats.Sold{}
	var missing []stock.Country
	for _, country := range countries {
		last, known := c.cache.sold[country]
		if age := now.Sub(last.at); known && age >= 0 && age < soldMaxAge {
			all[country] = last.sold
		} else {
			missing = append(missing, country)
		}
	}
	read, err := c.TaskStats.CountSold(ctx, missing, now.Add(-soldPeriod), maxSold)
	if c.cache.sold == nil {
		c.cache.sold = map[stock.Country]cachedSold{}
	}
	for _, sold := range read {
		all[sold.Country], c.cache.sold[sold.Country] = sold, cachedSold{now, sold}
	}
	return all, err
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
