package console

import (
	"net/http"
	"time"

	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
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
