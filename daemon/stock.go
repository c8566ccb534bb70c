package daemon

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/keyseat/keyseat/stock"
)

// renamed contains the names of countries whose name in the library is outdated or unusual.
var renamed = map[stock.Country]string{
	"CD": "Democratic Republic of the Congo",
	"CG": "Republic of the Congo",
	"CI": "Côte d'Ivoire",
	"HK": "Hong Kong",
	"MK": "North Macedonia",
	"MM": "Myanmar",
	"MO": "Macao",
	"PS": "Palestine",
	"SZ": "Eswatini",
	"TR": "Türkiye",
}

// CountryName returns the short English name of a country, or its code if the code cannot be parsed.
func CountryName(c stock.Country) string {
	if name, found := renamed[c]; found {
		return name
	}
	region, err := language.ParseRegion(string(c))
	if err != nil {
		return string(c)
	}
	return display.English.Regions().Name(region)
}

// Countries returns every country, sorted by name as English collates names. The caller may change the slice.
func Countries() []stock.Country { return slices.Clone(byName()) }

// byName is computed once, because a collator is slow and not safe for concurrent use.
var byName = sync.OnceValue(func() []stock.Country {
	all := stock.Countries()
	english := collate.New(language.English)
	slices.SortFunc(all, func(x, y stock.Country) int {
		return english.CompareString(CountryName(x), CountryName(y))
	})
	return all
})

// nameOrder returns the position of each country in the order of [Countries].
var nameOrder = sync.OnceValue(func() map[stock.Country]int {
	all := byName()
	order := make(map[stock.Country]int, len(all))
	for i, c := range all {
		order[c] = i
	}
	return order
})

// A stockLine is a country's entry in the stock response.
type stockLine struct {
	Country string        `json:"country"`
	Code    stock.Country `json:"country_code"`
	Slots   int           `json:"slots"`
}

// A stockCache serves the stock response. Under low load every request reads the store. If [crowdSize] or more requests
// are in progress during one read, later requests share its result for up to [maxAge]. Otherwise the
// repeated reads would slow down all other requests.
//
// A stockCache is safe for concurrent use.
type stockCache struct {
	requests   atomic.Int64 // number of requests so far
	inProgress atomic.Int64 // number of requests in progress
	latest     atomic.Pointer[cached]
}

// A cached is a response body with the data that it was made from.
type cached struct {
	levels     []stock.Level
	body       []byte
	readAt     time.Time   // when the read began
	shared     bool        // many requests were in progress during the read, so later requests may share it
	refreshing atomic.Bool // a request is reading the next body
}

const (
	maxAge    = 500 * time.Millisecond // of a shared response
	crowdSize = 64                     // number of requests during one read that makes its result shared
)

// get returns the response body. It reads the store unless a shared body is available.
func (s *stockCache) get(read func() ([]stock.Level, error)) ([]byte, error) {
	before := s.requests.Add(1) - s.inProgress.Add(1) // number of requests answered so far
	defer s.inProgress.Add(-1)
	if last := s.latest.Load(); last != nil && last.usable() {
		return last.body, nil
	}
	start := time.Now()
	levels, err := read()
	if err != nil {
		return nil, err
	}
	next := &cached{levels: levels, readAt: start, shared: s.requests.Load()-before >= crowdSize}
	next.body = next.bodyAfter(s.latest.Load())
	s.latest.Store(next)
	return next.body, nil
}

// usable reports whether a request may use this body. When half of the body's lifetime is over, usable
// returns false to one request. That request reads the next body, while the others still use this one.
func (c *cached) usable() bool {
	age := time.Since(c.readAt)
	return c.shared && age < maxAge && (age < maxAge/2 || !c.refreshing.CompareAndSwap(false, true))
}

// bodyAfter returns the body of the last result if the levels are equal, because comparing is faster
// than sorting and encoding.
func (c *cached) bodyAfter(last *cached) []byte {
	if last != nil && slices.Equal(last.levels, c.levels) {
		return last.body
	}
	return marshal(available(c.levels))
}

// available returns the countries with a free slot, sorted by name.
func available(levels []stock.Level) []stockLine {
	lines := make([]stockLine, 0, len(levels))
	for _, l := range levels {
		if l.Free > 0 {
			lines = append(lines, stockLine{CountryName(l.Country), l.Country, l.Free})
		}
	}
	order := nameOrder()
	slices.SortFunc(lines, func(x, y stockLine) int { return cmp.Compare(order[x.Code], order[y.Code]) })
	return lines
}
