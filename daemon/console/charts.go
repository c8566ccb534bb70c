package console

import (
	"cmp"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An outcomeGroup is a group of outcomes that the chart shows as one series.
type outcomeGroup struct {
	Name     string // also selects the color
	Label    string
	outcomes []tasks.Outcome
}

var outcomeGroups = []outcomeGroup{
	{"success", "succeeded", []tasks.Outcome{tasks.Success}},
	{"refused", "refused", []tasks.Outcome{
		tasks.InvalidCredentials, tasks.AccountLocked, tasks.AlreadyPremium, tasks.UpgradedRecently,
		tasks.AlreadyMember, tasks.WrongAddress, tasks.StillPremium,
	}},
	{"empty", "out of stock", []tasks.Outcome{tasks.OutOfStock}},
	{"faulty", "faulty plan", []tasks.Outcome{tasks.PlanExpired, tasks.PlanFull, tasks.PlanInvalid}},
	{"error", "system error", []tasks.Outcome{tasks.SystemError}},
	{"open", "open", []tasks.Outcome{""}},
}

// chartHours is the number of hours that the chart covers.
const chartHours = 24

// An hour counts the tasks that were accepted in one hour, per outcome group.
type hour struct {
	From   time.Time
	Counts []int
	All    int
}

// Label returns the time of day at which the hour begins, in UTC. The script shows it in the zone of the browser.
func (h hour) Label() template.HTML {
	return template.HTML(`<time datetime="` + view.Time(h.From).String() + `" data-part="time">` + h.From.Format("15:04") + `</time>`) //nolint:gosec // nothing but digits
}

// A sum is the number of tasks of one kind with one outcome.
type sum struct {
	Outcome tasks.Outcome
	Kind    tasks.Kind
	Tasks   int
}

// An outcomeChart holds the outcomes of the tasks of the last hours.
type outcomeChart struct {
	Groups []outcomeGroup
	Hours  []hour
	Sums   []sum // the most frequent first
	All    int
}

// newOutcomeChart groups the counts by hour and outcome group. The first hour begins at from.
func newOutcomeChart(from time.Time, counts []stats.HourCount) outcomeChart {
	chart := outcomeChart{Groups: outcomeGroups, Hours: make([]hour, chartHours)}
	for i := range chart.Hours {
		chart.Hours[i] = hour{From: from.Add(time.Duration(i) * time.Hour), Counts: make([]int, len(outcomeGroups))}
	}
	for _, c := range counts {
		i := slices.IndexFunc(outcomeGroups, func(g outcomeGroup) bool { return slices.Contains(g.outcomes, c.Outcome) })
		if i < 0 || c.Hour >= chartHours {
			continue
		}
		chart.Hours[c.Hour].Counts[i] += c.Tasks
		chart.Hours[c.Hour].All += c.Tasks
		chart.All += c.Tasks
		chart.add(c)
	}
	slices.SortStableFunc(chart.Sums, func(x, y sum) int { return cmp.Compare(y.Tasks, x.Tasks) })
	return chart
}

func (o *outcomeChart) add(c stats.HourCount) {
	for i, s := range o.Sums {
		if s.Outcome == c.Outcome && s.Kind == c.Kind {
			o.Sums[i].Tasks += c.Tasks
			return
		}
	}
	o.Sums = append(o.Sums, sum{c.Outcome, c.Kind, c.Tasks})
}

// URL returns the path of the list of the tasks in the group at index i.
func (o outcomeChart) URL(i int) string {
	if o.Groups[i].Name == "open" {
		return "/console/tasks?state=open"
	}
	var names []string
	for _, outcome := range o.Groups[i].outcomes {
		names = append(names, string(outcome))
	}
	return "/console/tasks?outcome=" + strings.Join(names, ",") + "&since=" + url.QueryEscape(view.Time(o.Hours[0].From).String())
}

// Total returns the number of tasks in the group at index i.
func (o outcomeChart) Total(i int) (n int) {
	for _, h := range o.Hours {
		n += h.Counts[i]
	}
	return n
}

// connectorStats are the statistics of the connector's calls with one kind and effect. P95 is the 95th
// percentile. Bars are the histogram.
type connectorStats struct {
	metrics.ConnectorStats
	Mean, Median, P95 time.Duration
	Bars              []bucketBar
}

// A bucketBar is a bucket of a histogram. X is its index. Height is its count, in percent of the highest
// bucket.
type bucketBar struct {
	X, Height float64
	Most      time.Duration
	Count     uint64
}

// Top returns the distance of the bar's upper end from the top of the chart, in percent.
func (b bucketBar) Top() float64 { return 100 - b.Height }

func newConnectorStats(all []metrics.ConnectorStats) []connectorStats {
	var stats []connectorStats
	for _, a := range all {
		stats = append(stats, connectorStats{
			ConnectorStats: a, Mean: a.Total / time.Duration(a.Count), Median: a.Quantile(0.5), P95: a.Quantile(0.95), Bars: bucketBars(a.Buckets),
		})
	}
	return stats
}

func bucketBars(buckets []metrics.Bucket) []bucketBar {
	var all []bucketBar
	before, highest := uint64(0), uint64(1)
	for i, b := range buckets {
		all = append(all, bucketBar{X: float64(i), Most: b.UpperBound, Count: b.Count - before})
		highest, before = max(highest, b.Count-before), b.Count
	}
	for i := range all {
		all[i].Height = 100 * float64(all[i].Count) / float64(highest)
	}
	return all
}

// TotalCount returns the number of calls of the connector.
func (a connectorStats) TotalCount() int { return int(a.Count) } //nolint:gosec // the number of calls is far smaller
