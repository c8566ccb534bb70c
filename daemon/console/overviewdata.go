package console

import (
	"context"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/stats"
)

// overviewData is what the overview reads from the store.
type overviewData struct {
	At          time.Time
	Queue       stats.Queue
	Levels      []stock.Level
	Outcomes    *outcomeChart // nil: the store does not count tasks by hour
	Recent      []view.Task
	Unavailable []view.Plan
	More        bool // there may be more such plans
}

// overviewCache holds the last data. Only one request reads the store at a time, and the data is reused for
// [maxAge]. Therefore many open overviews cost the store no more than one.
type overviewCache struct {
	mu   sync.Mutex
	last overviewData
}

const maxAge = 2 * time.Second

func (c *Console) overviewData(ctx context.Context) (overviewData, error) {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	now := c.Now().UTC()
	if age := now.Sub(c.cache.last.At); age >= 0 && age < maxAge {
		return c.cache.last, nil
	}
	d := overviewData{At: now}
	for _, part := range []func(context.Context, *overviewData) error{c.readStock, c.readOutcomes, c.readRecent, c.readUnavailablePlans} {
		if err := part(ctx, &d); err != nil {
			return d, err
		}
	}
	c.cache.last = d
	return d, nil
}

func (c *Console) readStock(ctx context.Context, d *overviewData) (err error) {
	if d.Queue, err = c.AdminStore.QueueStats(ctx); err != nil {
		return err
	}
	d.Levels, err = c.Engine.Stock(ctx)
	return err
}

func (c *Console) readOutcomes(ctx context.Context, d *overviewData) error {
	if c.TaskStats == nil {
		return nil
	}
	from := d.At.Truncate(time.Hour).Add(-(chartHours - 1) * time.Hour)
	counts, err := c.TaskStats.CountByHour(ctx, from, chartHours)
	d.Outcomes = new(newOutcomeChart(from, counts))
	return err
}

// recentTasks is the number of newest tasks that the overview shows.
const recentTasks = 12

func (c *Console) readRecent(ctx context.Context, d *overviewData) (err error) {
	d.Recent, err = c.newest(ctx, d.At, recentTasks)
	return err
}

// The limits of readUnavailablePlans: plansPerRead plans per read, maxPlanReads reads, and maxUnavailable
// plans in the result.
const (
	plansPerRead   = 1000
	maxPlanReads   = 20
	maxUnavailable = 20
)

// readUnavailablePlans finds the plans that are unavailable although no operator has retired them.
func (c *Console) readUnavailablePlans(ctx context.Context, d *overviewData) error {
	after := int64(0)
	for range maxPlanReads {
		plans, err := c.AdminStore.Plans(ctx, after, plansPerRead)
		if err != nil {
			return err
		}
		for _, p := range plans {
			after = p.Seq
			if p.Available(d.At) || p.Retired {
				continue
			}
			if len(d.Unavailable) == maxUnavailable {
				d.More = true
				return nil
			}
			d.Unavailable = append(d.Unavailable, view.NewPlan(p, d.At))
		}
		if len(plans) < plansPerRead {
			return nil
		}
	}
	d.More = true // the plans after the last read one are unchecked
	return nil
}
