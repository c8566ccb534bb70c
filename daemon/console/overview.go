package console

import (
	"context"
	"net/http"
	"sync"
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
func (o overview) RecentTasks() taskList { return taskList{Tasks: o.Recent} }

// ReadAt returns the time at which the store was read.
func (o overview) ReadAt() view.Time { return view.Time(o.At) }

// overviewData is what the overview reads from the store.
type overviewData struct {
	At          time.Time
	Queue       stats.Queue
	Levels      []stock.Level
	Outcomes    *outcomeChart // nil: the store does not count tasks by hour
	Durations   durationChart
	Recent      []taskRow
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

const maxAge = 2 * time.Second

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

func (c *Console) readRecent(ctx context.Context, d *overviewData) (err error) {
	d.Recent, err = c.newest(ctx, recentTasks)
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

// newest returns the newest n tasks, the newest first.
func (c *Console) newest(ctx context.Context, n int) (all []taskRow, err error) {
	l, err := c.AdminStore.Tasks(ctx, adminstore.TaskFilter{}, adminstore.Page{Order: adminstore.Newest, Limit: n})
	for _, v := range l.Entries {
		all = append(all, newTaskRow(*v.Task))
	}
	return all, err
}
