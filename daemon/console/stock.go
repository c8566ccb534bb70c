package console

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/stats"
)

// A stockBar holds the slots of a country and their bar in the chart.
type stockBar struct {
	stock.Level
	Low        bool   // the free slots are at or below the threshold of the webhooks
	LowAt      string // the threshold of the webhooks, or "–"
	DaysLeft   string // days until no slot is free, at the rate of the last sales, or "–"
	SoldPerDay string // the rate of the last sales
	Segments   []segment
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
	LowAt     bool       // at least one of the countries has a threshold, so the table shows the thresholds
	DaysLeft  bool       // the rate of the sales is known
	Sales     bool       // show the rate of the sales, and a link to the outcomes of each country
}

// shownCountries is the number of countries that the overview shows.
const shownCountries = 10

// newStockTable returns the table of the n countries with the fewest free slots.
func (c *Console) newStockTable(ctx context.Context, levels []stock.Level, n int) (stockTable, error) {
	t := stockTable{Countries: len(levels)}
	var total stock.Level
	for _, l := range levels {
		bar := newStockBar(l)
		bar.LowAt = "–"
		if c.LowStock != nil {
			if threshold, wanted := c.LowStock(l.Country); wanted {
				bar.Low, bar.LowAt, t.LowAt = l.Free <= threshold, formatNumber(threshold), true
			}
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
	err := c.setDaysLeft(ctx, &t)
	return t, err
}

func (c *Console) setDaysLeft(ctx context.Context, t *stockTable) error {
	if c.TaskStats == nil {
		return nil
	}
	sold, err := c.readSold(ctx, t.Stock)
	for i, bar := range t.Stock {
		t.Stock[i].DaysLeft = daysLeft(bar.Free, sold[bar.Country], c.Now())
		t.Stock[i].SoldPerDay = soldPerDay(sold[bar.Country], c.Now())
	}
	t.DaysLeft = true
	return err
}

// daysLeft returns how many days the free slots last at the rate of the sales since s.Since.
func daysLeft(free int, s stats.Sold, now time.Time) string {
	switch days := float64(free) / s.PerDay(now); {
	case s.Slots == 0:
		return "–"
	case days < 1:
		return "under 1"
	case days > 999:
		return "over 999"
	default:
		return strconv.Itoa(int(days))
	}
}

// soldPerDay returns how many slots were sold per day since s.Since.
func soldPerDay(s stats.Sold, now time.Time) string {
	perDay := s.PerDay(now)
	if s.Slots == 0 || perDay >= 10 {
		return formatNumber(int(math.Round(perDay)))
	}
	return strconv.FormatFloat(perDay, 'f', 1, 64)
}

func (r *request) showStock() error {
	levels, err := r.Engine.Stock(r.req.Context())
	if err != nil {
		return err
	}
	table, err := r.newStockTable(r.req.Context(), levels, len(levels))
	if err != nil {
		return err
	}
	table.Sales = table.DaysLeft
	return r.render(http.StatusOK, page{"stock", "Stock", "overview", table})
}

// The rate of the sales counts the slots of a country that were sold in the last soldPeriod. It counts only the newest
// maxSold sales of each country. A rate that was read is reused for soldMaxAge.
const (
	soldPeriod = 7 * 24 * time.Hour
	maxSold    = 200
	soldMaxAge = time.Minute
)

// readSold returns the sold slots of the countries in bars. It reads the store only for countries whose last read is
// older than [soldMaxAge].
func (c *Console) readSold(ctx context.Context, bars []stockBar) (map[stock.Country]stats.Sold, error) {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	now, all := c.Now(), map[stock.Country]stats.Sold{}
	var missing []stock.Country
	for _, bar := range bars {
		if last := c.cache.sold[bar.Country]; last.isFresh(now, soldMaxAge) {
			all[bar.Country] = last.value
		} else {
			missing = append(missing, bar.Country)
		}
	}
	read, err := c.TaskStats.CountSold(ctx, missing, now.Add(-soldPeriod), maxSold)
	for _, sold := range read {
		all[sold.Country], c.cache.sold[sold.Country] = sold, cached[stats.Sold]{now, sold}
	}
	return all, err
}

// A planList is a page of plans, in the order of import.
type planList struct {
	bulkForm
	Plans []planRow
	Next  string
	First bool // the page is the first one
	Acts  bool // the operator may change plans
}

type planRow struct {
	view.Plan
	Actions []action
}

func (r *request) listPlans() error {
	after, err := strconv.ParseInt(r.req.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0 // an invalid cursor shows the first page
	}
	plans, err := r.AdminStore.Plans(r.req.Context(), after, pageSize)
	if err != nil {
		return err
	}
	l := planList{First: after == 0, Acts: r.token.Role.Allows(admin.Write)}
	var ids []string
	for _, p := range plans {
		l.Plans, ids = append(l.Plans, r.newPlanRow(p)), append(ids, p.ID)
	}
	l.bulkForm = r.newBulkForm("plan", ids, map[string]bool{"restock": true, "retire": true})
	if len(plans) == pageSize {
		l.Next = "/console/plans?after=" + strconv.FormatInt(plans[pageSize-1].Seq, 10)
	}
	return r.render(http.StatusOK, page{"plans", "Plans", "plans", l})
}

// newPlanRow returns the row of a plan. An expired plan needs a later expiry before it can be put back. Therefore its
// button "Put back" opens the form that edits the plan.
func (r *request) newPlanRow(p stock.Plan) planRow {
	now := r.Now()
	expired := p.HasExpired(now)
	all := r.allowedActions("plan", map[string]bool{"edit": true, "restock": !p.Available(now) && !expired, "retire": !p.Retired})
	for i := range all {
		if expired && all[i].Verb == "edit" {
			all[i].Button = "Put back"
		}
	}
	return planRow{view.NewPlan(p, now), all}
}
