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
	reading
	Shelves   []shelf
	Sum       shelf // the total of all countries
	Empty     int   // number of countries that have plans but no free slot
	Connector []asking
}

// overview shows the current state of the shop.
func (v *visit) overview() error {
	r, err := v.read(v.r.Context())
	if err != nil {
		return err
	}
	o := overview{reading: r}
	var sum stock.Level
	for _, l := range r.Levels {
		o.Shelves = append(o.Shelves, newShelf(l))
		sum.Size, sum.Free, sum.Held = sum.Size+l.Size, sum.Free+l.Free, sum.Held+l.Held
		sum.Spent, sum.Suspect, sum.Idle = sum.Spent+l.Spent, sum.Suspect+l.Suspect, sum.Idle+l.Idle
		if l.Free == 0 {
			o.Empty++
		}
	}
	o.Sum = newShelf(sum)
	if v.ConnectorStats != nil {
		o.Connector = newAskings(v.ConnectorStats())
	}
	return v.show(http.StatusOK, page{"overview", "Overview", "overview", o})
}

// Moment returns the time at which the store was read.
func (o overview) Moment() view.Time { return view.Time(o.At) }

// A shelf holds the slots of a country and their bar in the chart.
type shelf struct {
	stock.Level
	Bar []stretch
}

// A stretch is a segment of a bar. From is its start and Len its length, in percent of the bar.
type stretch struct {
	Name      string
	From, Len float64
}

func newShelf(l stock.Level) shelf {
	s := shelf{Level: l}
	from := 0.0
	for _, part := range []struct {
		name string
		n    int
	}{{"spent", l.Spent}, {"held", l.Held}, {"suspect", l.Suspect}, {"idle", l.Idle}, {"free", l.Free}} {
		if part.n > 0 {
			long := 100 * float64(part.n) / float64(l.Size)
			s.Bar = append(s.Bar, stretch{part.name, from, long})
			from += long
		}
	}
	return s
}

// An asking holds the statistics of the connector's calls with one kind and effect. Mean, Half (median) and
// Most (95th percentile) are durations. Columns are the histogram.
type asking struct {
	metrics.ConnectorStats
	Mean, Half, Most time.Duration
	Columns          []column
}

// A column is a bucket of a histogram. X is its index. Height is its count, in percent of the highest
// bucket.
type column struct {
	X, Height float64
	Most      time.Duration
	Count     uint64
}

// Top returns the distance of the column's upper end from the top of the chart, in percent.
func (c column) Top() float64 { return 100 - c.Height }

func newAskings(all []metrics.ConnectorStats) []asking {
	var shown []asking
	for _, a := range all {
		shown = append(shown, asking{
			ConnectorStats: a, Mean: a.Took / time.Duration(a.Count), Half: a.Quantile(0.5), Most: a.Quantile(0.95), Columns: columns(a.Buckets),
		})
	}
	return shown
}

func columns(buckets []metrics.Bucket) []column {
	var all []column
	before, highest := uint64(0), uint64(1)
	for i, b := range buckets {
		all = append(all, column{X: float64(i), Most: b.Most, Count: b.Count - before})
		highest, before = max(highest, b.Count-before), b.Count
	}
	for i := range all {
		all[i].Height = 100 * float64(all[i].Count) / float64(highest)
	}
	return all
}

// TotalCount returns the number of calls of the connector.
func (a asking) TotalCount() int { return int(a.Count) } //nolint:gosec // nobody asks so often
