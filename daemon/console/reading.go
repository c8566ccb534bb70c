package console

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// A reading is the data of the overview, read from the store.
type reading struct {
	At     time.Time
	Queue  stats.Queue
	Levels []stock.Level
	Tide   *tide // nil: the store does not count tasks by hour
	Recent []view.Task
	Ill    []view.Plan
	More   bool // there may be more such plans
}

// readings caches the last reading. Only one reading is in progress at a time, and the result is reused
// for two seconds. Therefore many open overviews cost the store no more than one.
type readings struct {
	mu   sync.Mutex
	last reading
}

const young = 2 * time.Second

func (c *Console) read(ctx context.Context) (reading, error) {
	c.readings.mu.Lock()
	defer c.readings.mu.Unlock()
	now := c.Now().UTC()
	if age := now.Sub(c.readings.last.At); age >= 0 && age < young {
		return c.readings.last, nil
	}
	r := reading{At: now}
	for _, part := range []func(context.Context, *reading) error{c.readShop, c.readTide, c.readRecent, c.readPlans} {
		if err := part(ctx, &r); err != nil {
			return r, err
		}
	}
	c.readings.last = r
	return r, nil
}

func (c *Console) readShop(ctx context.Context, r *reading) (err error) {
	if r.Queue, err = c.AdminStore.QueueStats(ctx); err != nil {
		return err
	}
	r.Levels, err = c.Engine.Stock(ctx)
	return err
}

func (c *Console) readTide(ctx context.Context, r *reading) error {
	if c.TaskStats == nil {
		return nil
	}
	from := r.At.Truncate(time.Hour).Add(-(past - 1) * time.Hour)
	cohorts, err := c.TaskStats.CountByHour(ctx, from, past)
	r.Tide = new(newTide(from, cohorts))
	return err
}

// recent is the number of newest tasks that the overview shows.
const recent = 12

func (c *Console) readRecent(ctx context.Context, r *reading) (err error) {
	r.Recent, err = c.newest(ctx, r.At, recent)
	return err
}

// spans are the periods that newest searches, each longer than the one before. After the last span, newest
// searches all tasks.
var spans = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 60 * 24 * time.Hour}

// The limits of since: bulk tasks per read, and bulks reads.
const (
	bulk  = 500
	bulks = 20
)

// newest returns the newest n tasks, the newest first. A store lists the oldest tasks first. Therefore
// newest reads the tasks of a short period first and tries longer periods until it has n tasks.
//
// At most bulk × bulks tasks are read per period. If a period has more tasks than that, the result
// misses the very newest ones.
func (c *Console) newest(ctx context.Context, now time.Time, n int) ([]view.Task, error) {
	var found []view.Task
	for _, span := range append(spans, time.Duration(now.UnixMicro())*time.Microsecond) {
		all, err := c.since(ctx, now.Add(-span), n)
		if err != nil {
			return nil, err
		}
		if found = all; len(found) == n {
			break
		}
	}
	slices.Reverse(found)
	return found, nil
}

// since returns the last n tasks that were accepted after from, the oldest first. It reads at most bulk ×
// bulks tasks.
func (c *Console) since(ctx context.Context, from time.Time, n int) (last []view.Task, err error) {
	after := tasks.Task{CreatedAt: from}
	for range bulks {
		views, err := c.AdminStore.Tasks(ctx, adminstore.AnyTask, after, bulk)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			last, after = append(last, view.NewTask(*v.Task)), *v.Task
		}
		last = last[max(0, len(last)-n):]
		if len(views) < bulk {
			break
		}
	}
	return last, nil
}

// The limits of readPlans: plansAtOnce plans per read, planRounds reads, and maxIll plans in the result.
const (
	plansAtOnce = 1000
	planRounds  = 20
	maxIll      = 20
)

// readPlans finds the plans that are unavailable although no operator has retired them.
func (c *Console) readPlans(ctx context.Context, r *reading) error {
	after := int64(0)
	for range planRounds {
		plans, err := c.AdminStore.Plans(ctx, after, plansAtOnce)
		if err != nil {
			return err
		}
		for _, p := range plans {
			after = p.Seq
			if p.Available(r.At) || p.Retired {
				continue
			}
			if len(r.Ill) == maxIll {
				r.More = true
				return nil
			}
			r.Ill = append(r.Ill, view.NewPlan(p, r.At))
		}
		if len(plans) < plansAtOnce {
			return nil
		}
	}
	r.More = true // the plans after the last read one are unchecked
	return nil
}
