package console

import (
	"context"
	"net/http"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An overview is the content of the first page: the current state of the shop.
type overview struct {
	overviewData
	stockTable
	Filters    listing // of the chart of outcomes
	Connector  []connectorStats
	FirstSteps []firstStep // of a shop that has had no task
}

// A firstStep is a step to the first task of a shop.
type firstStep struct {
	Done           bool
	Text, URL, Why string // URL is empty for a step that the operator does elsewhere
}

// showOverview shows the current state of the shop.
func (r *request) showOverview() error {
	filters, selected, err := r.chartFilter()
	if err != nil {
		return err
	}
	data, err := r.overviewData(r.req.Context(), selected)
	if err != nil {
		return err
	}
	o := overview{overviewData: data, Filters: filters}
	if o.stockTable, err = r.newStockTable(r.req.Context(), data.Levels, shownCountries); err != nil {
		return err
	}
	if r.ConnectorStats != nil {
		o.Connector = newConnectorStats(r.ConnectorStats())
	}
	if o.FirstSteps, err = r.firstSteps(o); err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"overview", "Overview", "overview", o})
}

// firstSteps returns the steps to the first task, or none if the shop has had a task.
func (r *request) firstSteps(o overview) ([]firstStep, error) {
	if len(o.Recent) > 0 {
		return nil, nil
	}
	first, err := r.AdminStore.Keys(r.req.Context(), adminstore.KeyFilter{}, adminstore.Page{Limit: 1})
	steps := []firstStep{
		{len(o.Stock) > 0, "Add plans", "/console/plans", "with the slots that you sell."},
		{len(first.Entries) > 0, "Issue keys", "/console/issue", "for an order, or import keys that you have."},
		{false, "Try a key", "", "on the page for holders. Its upgrade then appears here."},
	}
	for i := range steps {
		if !r.token.Role.Allows(admin.Write) {
			steps[i].URL = ""
		}
	}
	return steps, err
}

// RecentTasks returns the newest tasks as a list.
func (o overview) RecentTasks() (l taskList) {
	for _, v := range o.Recent {
		l.Tasks = append(l.Tasks, newTaskRow(*v.Task))
	}
	return l
}

// ReadAt returns the time at which the store was read.
func (o overview) ReadAt() view.Time { return view.Time{Time: o.At} }

func (c *Console) overviewData(ctx context.Context, selected chartSelection) (overviewData, error) {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	now := c.Now().UTC()
	d := c.cache.last
	if age := now.Sub(d.At); age < 0 || age >= maxAge {
		d = overviewData{At: now}
		for _, part := range []func(context.Context, *overviewData) error{c.readStock, c.readRecent, c.readUnavailablePlans} {
			if err := part(ctx, &d); err != nil {
				return d, err
			}
		}
		c.cache.last = d
	}
	err := c.readCharts(ctx, &d, selected, now)
	return d, err
}

func (c *Console) readStock(ctx context.Context, d *overviewData) (err error) {
	if d.Queue, err = c.AdminStore.QueueStats(ctx); err != nil {
		return err
	}
	d.Levels, err = c.Engine.Stock(ctx)
	return err
}

// recentTasks is the number of newest tasks that the overview shows.
const recentTasks = 12

func (c *Console) readRecent(ctx context.Context, d *overviewData) error {
	l, err := c.AdminStore.Tasks(ctx, adminstore.TaskFilter{}, adminstore.Page{Order: adminstore.Newest, Limit: recentTasks})
	d.Recent = l.Entries
	return err
}

// The limits of readUnavailablePlans: plansPerRead plans per read, maxPlansRead plans, and maxUnavailable
// plans in the result.
const (
	plansPerRead   = 1000
	maxPlansRead   = 20 * plansPerRead
	maxUnavailable = 20
)

// readUnavailablePlans finds the plans that are unavailable although no operator has retired them.
func (c *Console) readUnavailablePlans(ctx context.Context, d *overviewData) error {
	read := func(after int64, n int) ([]stock.Plan, error) { return c.AdminStore.Plans(ctx, after, n) }
	n := 0
	for p, err := range seq.Pages(0, plansPerRead, read, func(p stock.Plan) int64 { return p.Seq }) {
		if err != nil {
			return err
		}
		unavailable := !p.Available(d.At) && !p.Retired
		d.MorePlans = unavailable && len(d.Unavailable) == maxUnavailable
		if unavailable && !d.MorePlans {
			d.Unavailable = append(d.Unavailable, view.NewPlan(p, d.At))
		}
		if n++; n == maxPlansRead {
			d.MorePlans = true // the later plans are not checked
		}
		if d.MorePlans {
			break
		}
	}
	return nil
}

// chartFilter returns the frame of the filters of the charts, and the selection of the query.
func (r *request) chartFilter() (l listing, s chartSelection, err error) {
	l = r.newListing("/", []string{"range"}, filterField{Name: "country", Label: "Country", Hint: "US"}, filterField{Name: "plan", Label: "Plan"})
	s.chartRange, s.Plan = findRange(l.value("range")), l.value("plan")
	s.Country, err = parseFilterCountry(l.value("country"))
	return l, s, err
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

// readDurations reads the durations of attempts since a time, over all daemons. A task has the times of its first
// attempt and of its end. So the duration is known of a task that ended with its first attempt.
func (c *Console) readDurations(ctx context.Context, since time.Time) (durationChart, error) {
	l, err := c.AdminStore.Tasks(ctx, adminstore.TaskFilter{State: adminstore.EndedTask, Since: since}, adminstore.Page{Order: adminstore.Newest, Limit: maxDurations})
	return newDurationChart(l.Entries), err
}
