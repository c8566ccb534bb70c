package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An overview is the content of the first page: the current state of the shop.
type overview struct {
	overviewData
	Stock     []stockBar
	Sum       stockBar // the total of all countries
	Empty     int      // number of countries that have plans but no free slot
	Connector []connectorStats
}

// showOverview shows the current state of the shop.
func (r *request) showOverview() error {
	data, err := r.overviewData(r.req.Context())
	if err != nil {
		return err
	}
	o := overview{overviewData: data}
	var total stock.Level
	for _, l := range data.Levels {
		o.Stock = append(o.Stock, newStockBar(l))
		total.Size, total.Free, total.Held = total.Size+l.Size, total.Free+l.Free, total.Held+l.Held
		total.Spent, total.Suspect, total.Idle = total.Spent+l.Spent, total.Suspect+l.Suspect, total.Idle+l.Idle
		if l.Free == 0 {
			o.Empty++
		}
	}
	o.Sum = newStockBar(total)
	if r.ConnectorStats != nil {
		o.Connector = newConnectorStats(r.ConnectorStats())
	}
	return r.render(http.StatusOK, page{"overview", "Overview", "overview", o})
}

// ReadAt returns the time at which the store was read.
func (o overview) ReadAt() view.Time { return view.Time(o.At) }

// A stockBar holds the slots of a country and their bar in the chart.
type stockBar struct {
	stock.Level
	Segments []segment
}

// A segment is a part of a bar. Start and Width are in percent of the bar.
type segment struct {
	Name         string
	Start, Width float64
}

func newStockBar(l stock.Level) stockBar {
	s := stockBar{Level: l}
	start := 0.0
	for _, part := range []struct {
		name string
		n    int
	}{{"spent", l.Spent}, {"held", l.Held}, {"suspect", l.Suspect}, {"idle", l.Idle}, {"free", l.Free}} {
		if part.n > 0 {
			width := 100 * float64(part.n) / float64(l.Size)
			s.Segments = append(s.Segments, segment{part.name, start, width})
			start += width
		}
	}
	return s
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
		d.More = unavailable && len(d.Unavailable) == maxUnavailable
		if unavailable && !d.More {
			d.Unavailable = append(d.Unavailable, view.NewPlan(p, d.At))
		}
		if n++; n == maxPlansRead {
			d.More = true // the later plans are not checked
		}
		if d.More {
			break
		}
	}
	return nil
}
