package console

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/keyseat/keyseat/stock"
)

// A stockBar holds the slots of a country and their bar in the chart.
type stockBar struct {
	stock.Level
	Low      bool // the free slots are few, by the threshold of the webhooks
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

// A stockTable holds the countries with the fewest free slots, and the totals of all countries.
type stockTable struct {
	Stock     []stockBar // the emptiest first
	Countries int        // number of all countries that have plans
	Empty     int        // number of countries that have plans but no free slot
	Sum       stockBar   // the total of all countries
}

// shownCountries is the number of countries that the overview shows.
const shownCountries = 10

// newStockTable returns the table of the n emptiest countries.
func (c *Console) newStockTable(levels []stock.Level, n int) stockTable {
	t := stockTable{Countries: len(levels)}
	var total stock.Level
	for _, l := range levels {
		bar := newStockBar(l)
		if c.LowStock != nil {
			threshold, wanted := c.LowStock(l.Country)
			bar.Low = wanted && l.Free <= threshold
		}
		t.Stock = append(t.Stock, bar)
		total.Size, total.Free, total.Held = total.Size+l.Size, total.Free+l.Free, total.Held+l.Held
		total.Spent, total.Suspect, total.Idle = total.Spent+l.Spent, total.Suspect+l.Suspect, total.Idle+l.Idle
		if l.Free == 0 {
			t.Empty++
		}
	}
	slices.SortStableFunc(t.Stock, func(x, y stockBar) int { return cmp.Compare(x.Free, y.Free) })
	t.Stock, t.Sum = t.Stock[:min(n, len(t.Stock))], newStockBar(total)
	return t
}

// More reports whether the table does not have every country.
func (t stockTable) More() bool { return len(t.Stock) < t.Countries }

// showStock shows the stock of every country.
func (r *request) showStock() error {
	levels, err := r.Engine.Stock(r.req.Context())
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"stock", "Stock", "overview", r.newStockTable(levels, len(levels))})
}
