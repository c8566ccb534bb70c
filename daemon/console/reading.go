package console

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/shown"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A reading is what the overview shows of the store.
type reading struct {
	At     time.Time
	Queue  tasks.QueueStats
	Levels []stock.Level
	Tide   *tide // nil: the store counts no tasks over time
	Recent []shown.Task
	Ill    []shown.Plan
	More   bool // there are more plans that are ill, or may be
}

// readings take turns, and one that is young enough serves for the next: many who watch cost no more
// than one.
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

// recent is how many of the newest tasks are shown.
const recent = 12

func (c *Console) readRecent(ctx context.Context, r *reading) (err error) {
	r.Recent, err = c.newest(ctx, r.At, recent)
	return err
}

// spans are how far back the newest tasks are looked for. The last one is the whole past.
var spans = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 60 * 24 * time.Hour}

// bulk is how many tasks are looked at at once, and bulks how often.
const (
	bulk  = 500
	bulks = 20
)

// newest gives the newest n tasks, the newest first. A store lists the oldest first, so that it is
// asked for those since some time, which goes back until there are enough of them. On a day of so many
// that not even the last minute's can be looked at, they are not the very newest.
func (c *Console) newest(ctx context.Context, now time.Time, n int) ([]shown.Task, error) {
	var found []shown.Task
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

// since gives the last n tasks that were accepted since that time.
func (c *Console) since(ctx context.Context, from time.Time, n int) (last []shown.Task, err error) {
	after := tasks.Task{CreatedAt: from}
	for range bulks {
		views, err := c.AdminStore.Tasks(ctx, tasks.AnyTask, after, bulk)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			last, after = append(last, shown.NewTask(*v.Task)), *v.Task
		}
		last = last[max(0, len(last)-n):]
		if len(views) < bulk {
			break
		}
	}
	return last, nil
}

// The plans that are ill are looked for among so many, and so many of them are shown.
const (
	plansAtOnce = 1000
	planRounds  = 20
	maxIll      = 20
)

// readPlans finds the plans that are out of stock and that nobody has retired.
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
			r.Ill = append(r.Ill, shown.NewPlan(p, r.At))
		}
		if len(plans) < plansAtOnce {
			return nil
		}
	}
	r.More = true // or may be
	return nil
}
