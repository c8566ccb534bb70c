package console

import (
	"cmp"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An outcomeGroup is a group of outcomes that the chart shows as one series.
type outcomeGroup struct {
	Name     string // identifies the group in templates and style sheets, and so selects its color
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

// A chartRange is a period that ends now and that the chart can show.
type chartRange struct {
	Name, Label string
	hours, step int           // length of the period, and length of one column, in hours
	part        string        // the part of a column's start time that the script shows as its label: date, time or datetime
	layout      string        // the layout of the label if the script does not run
	maxAge      time.Duration // how long the charts are reused; longer for a longer period, because reading it takes longer
}

var chartRanges = []chartRange{
	{"24h", "24 hours", 24, 1, "time", "15:04", maxAge},
	{"7d", "7 days", 7 * 24, 6, "datetime", "01-02 15:04", time.Minute},
	{"30d", "30 days", 30 * 24, 24, "date", "01-02", 5 * time.Minute},
}

// A chartSelection selects the period of both charts, and the tasks in the chart of outcomes.
type chartSelection struct {
	chartRange
	stats.Filter
}

// findRange returns the range with the given name, or the first range if no range has the name.
func findRange(name string) chartRange {
	i := slices.IndexFunc(chartRanges, func(r chartRange) bool { return r.Name == name })
	return chartRanges[max(i, 0)]
}

// start returns the time at which the first column begins.
func (r chartRange) start(now time.Time) time.Time {
	return now.Truncate(time.Hour).Add(time.Duration(1-r.hours) * time.Hour)
}

// An hour is one column of the chart. It covers the step hours from the time From on, and counts the tasks accepted in
// them, per outcome group.
type hour struct {
	chartRange
	From   time.Time
	Counts []int
}

// Label returns the time at which the column begins, in UTC. The script shows it in the zone of the browser.
func (h hour) Label() template.HTML {
	return template.HTML(`<time datetime="` + view.Time{Time: h.From}.String() + `" data-part="` + h.part + `">` + h.From.Format(h.layout) + `</time>`) //nolint:gosec // nothing but digits
}

// A sum is the number of tasks of one kind with one outcome, in the period of the chart and in the previous period.
type sum struct {
	Outcome tasks.Outcome
	Kind    tasks.Kind
	Tasks   int
	Before  int
}

// A series is one outcome group of the chart, with its numbers of tasks.
type series struct {
	outcomeGroup
	Total  int    // number of tasks
	Before int    // number of tasks in the previous period
	URL    string // of the list of the tasks
}

// An outcomeChart holds the outcomes of the tasks of the last hours.
type outcomeChart struct {
	Groups    []series
	Hours     []hour
	Sums      []sum // the most frequent first
	All       int
	AllBefore int // number of tasks in the previous period
	Range     chartRange
	Ranges    []chartRange
	Filter    stats.Filter
}

// newOutcomeChart groups the counts of the selected period by column and outcome group, and adds up the counts of the
// previous period. The first column begins at the time from.
func newOutcomeChart(r chartSelection, from time.Time, counts, previous []stats.HourCount) *outcomeChart {
	chart := &outcomeChart{Hours: make([]hour, r.hours/r.step), Range: r.chartRange, Ranges: chartRanges, Filter: r.Filter}
	for _, g := range outcomeGroups {
		chart.Groups = append(chart.Groups, series{outcomeGroup: g, URL: g.url(r.Filter, from)})
	}
	for i := range chart.Hours {
		chart.Hours[i] = hour{r.chartRange, from.Add(time.Duration(i*r.step) * time.Hour), make([]int, len(outcomeGroups))}
	}
	for _, c := range counts {
		i := findGroup(c.Outcome)
		if i < 0 || c.Hour >= r.hours {
			continue
		}
		chart.Hours[c.Hour/r.step].Counts[i] += c.Tasks
		chart.Groups[i].Total += c.Tasks
		chart.All += c.Tasks
		chart.sum(c).Tasks += c.Tasks
	}
	for _, c := range previous {
		if i := findGroup(c.Outcome); i >= 0 {
			chart.Groups[i].Before += c.Tasks
			chart.AllBefore += c.Tasks
			chart.sum(c).Before += c.Tasks
		}
	}
	slices.SortStableFunc(chart.Sums, func(x, y sum) int { return cmp.Compare(y.Tasks, x.Tasks) })
	return chart
}

func findGroup(o tasks.Outcome) int {
	return slices.IndexFunc(outcomeGroups, func(g outcomeGroup) bool { return slices.Contains(g.outcomes, o) })
}

func (o *outcomeChart) sum(c stats.HourCount) *sum {
	i := slices.IndexFunc(o.Sums, func(s sum) bool { return s.Outcome == c.Outcome && s.Kind == c.Kind })
	if i < 0 {
		i, o.Sums = len(o.Sums), append(o.Sums, sum{Outcome: c.Outcome, Kind: c.Kind})
	}
	return &o.Sums[i]
}

// RangeURL returns the path of the chart of another period with the same filter.
func (o outcomeChart) RangeURL(name string) string {
	query := filterQuery(o.Filter)
	query.Set("range", name)
	return "/?" + query.Encode()
}

// url returns the path of the page that lists the group's tasks since a time.
func (g outcomeGroup) url(filter stats.Filter, since time.Time) string {
	query := filterQuery(filter)
	if g.Name == "open" {
		query.Set("state", "open")
		return "/console/tasks?" + query.Encode()
	}
	var names []string
	for _, outcome := range g.outcomes {
		names = append(names, string(outcome))
	}
	query.Set("outcome", strings.Join(names, ","))
	query.Set("since", view.Time{Time: since}.String())
	return "/console/tasks?" + query.Encode()
}

func filterQuery(f stats.Filter) url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"country": string(f.Country), "plan": f.Plan} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// overviewData is the data that the overview reads from the store, except the charts.
type overviewData struct {
	At          view.Time
	Queue       stats.Queue
	Levels      []stock.Level
	recent      []tasks.Snapshot // the newest tasks
	Unavailable []view.Plan
	MorePlans   bool // there may be more unavailable plans
}

type charts struct {
	Outcomes  *outcomeChart // nil: the store does not count tasks by hour
	Durations durationChart
}

type cached[T any] struct {
	at    time.Time
	value T
}

// isFresh reports whether the value was read up to maxAge before now.
func (c cached[T]) isFresh(now time.Time, maxAge time.Duration) bool {
	age := now.Sub(c.at)
	return age >= 0 && age < maxAge
}

// overviewCache holds the data that was read last. Only one request reads the store at a time, and the data is reused
// for [maxAge]. Therefore many open overviews cost the store no more than one open overview.
type overviewCache struct {
	mu     sync.Mutex
	last   cached[overviewData]
	charts map[chartSelection]cached[charts]
	sold   map[stock.Country]cached[stats.Sold]
}

// The bounds of the cache: how long data is reused, and the number of selections whose charts are held.
const (
	maxAge          = 2 * time.Second
	maxCachedCharts = 64
)
