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
	charts
	stockTable
	Recent     taskList // the newest tasks
	Filters    listing  // of the chart of outcomes
	Connector  []connectorStats
	FirstSteps []firstStep // what to do first in a new shop; empty after the first task of the shop
}

type firstStep struct {
	Done           bool
	Text, URL, Why string // URL is empty for a step that the operator does elsewhere
}

func (r *request) showOverview() (err error) {
	ctx := r.req.Context()
	o := overview{Filters: r.newListing("/", []string{"range"}, countryField, planField)}
	filter := stats.Filter{Country: o.Filters.country(), Plan: o.Filters.value("plan")}
	if o.Filters.err != nil {
		return o.Filters.err
	}
	selected := chartSelection{findRange(o.Filters.value("range")), filter}
	if o.overviewData, o.charts, err = r.readCached(ctx, selected); err != nil {
		return err
	}
	if o.stockTable, err = r.newStockTable(ctx, o.Levels, shownCountries); err != nil {
		return err
	}
	for _, v := range o.recent {
		o.Recent.Tasks = append(o.Recent.Tasks, newTaskRow(*v.Task))
	}
	if r.ConnectorStats != nil {
		o.Connector = newConnectorStats(r.ConnectorStats())
	}
	if o.FirstSteps, err = r.firstSteps(o); err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"overview", "Overview", "overview", o})
}

// firstSteps returns the steps that lead to the first task of a new shop. It returns none if the shop has had a task.
func (r *request) firstSteps(o overview) ([]firstStep, error) {
	if len(o.Recent.Tasks) > 0 {
		return nil, nil
	}
	first, err := r.AdminStore.Keys(r.req.Context(), adminstore.KeyFilter{}, adminstore.Page{Limit: 1})
	steps := []firstStep{
		{len(o.Stock) > 0, "Add plans", "/console/plans", "with the slots that you sell."},
		{len(first.Entries) > 0, "Issue keys", "/console/issue", "for an order, or import keys that you have."},
		{false, "Try a key", "", "on the page for holders. Its upgrade then appears here."},
	}
	if !r.token.Role.Allows(admin.Write) {
		steps[0].URL, steps[1].URL = "", ""
	}
	return steps, err
}

// readCached returns the data of the overview and its charts. For each of the two, it reads the store unless a recent
// copy is cached.
func (c *Console) readCached(ctx context.Context, s chartSelection) (overviewData, charts, error) {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	now := c.Now().UTC()
	if !c.cache.last.isFresh(now, maxAge) {
		data, err := c.readOverview(ctx, now)
		if err != nil {
			return data, charts{}, err
		}
		c.cache.last = cached[overviewData]{now, data}
	}
	if !c.cache.charts[s].isFresh(now, s.maxAge) {
		read, err := c.readCharts(ctx, s, now)
		if err != nil {
			return overviewData{}, read, err
		}
		if len(c.cache.charts) >= maxCachedCharts {
			clear(c.cache.charts)
		}
		c.cache.charts[s] = cached[charts]{now, read}
	}
	return c.cache.last.value, c.cache.charts[s].value, nil
}

// recentTasks is the number of newest tasks that the overview shows.
const recentTasks = 12

func (c *Console) readOverview(ctx context.Context, now time.Time) (d overviewData, err error) {
	d.At = view.Time{Time: now}
	if d.Queue, err = c.AdminStore.QueueStats(ctx); err != nil {
		return d, err
	}
	if d.Levels, err = c.Engine.Stock(ctx); err != nil {
		return d, err
	}
	l, err := c.AdminStore.Tasks(ctx, adminstore.TaskFilter{}, adminstore.Page{Order: adminstore.Newest, Limit: recentTasks})
	if err != nil {
		return d, err
	}
	d.recent = l.Entries
	err = c.readUnavailablePlans(ctx, &d)
	return d, err
}

// The limits of readUnavailablePlans: the plans of one read, the plans of all reads, and the plans in the result.
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
		unavailable := !p.Available(d.At.Time) && !p.Retired
		d.MorePlans = unavailable && len(d.Unavailable) == maxUnavailable
		if unavailable && !d.MorePlans {
			d.Unavailable = append(d.Unavailable, view.NewPlan(p, d.At.Time))
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

// readCharts reads the data of both charts. The chart of outcomes counts the tasks of a period and of the period
// before. The chart of durations has the attempts of all daemons, but only of tasks with a single attempt. The reason
// is that the store knows only when a task's first attempt began and when the task ended.
func (c *Console) readCharts(ctx context.Context, s chartSelection, now time.Time) (read charts, err error) {
	from := s.start(now)
	if c.TaskStats != nil {
		counts, err := c.countHours(ctx, from, s)
		if err != nil {
			return read, err
		}
		before, err := c.countHours(ctx, from.Add(time.Duration(-s.hours)*time.Hour), s)
		if err != nil {
			return read, err
		}
		read.Outcomes = newOutcomeChart(s, from, counts, before)
	}
	ended := adminstore.TaskFilter{State: adminstore.EndedTask, Since: from}
	l, err := c.AdminStore.Tasks(ctx, ended, adminstore.Page{Order: adminstore.Newest, Limit: maxDurations})
	read.Durations = newDurationChart(l.Entries)
	return read, err
}

// countHours counts the tasks of the hours of a selection. One read has up to [stats.MaxHours] hours.
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
