package daemon

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/keyseat/keyseat/stock"
)

// renamed contains the names of countries whose name in package display is outdated or unusual.
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

// byName returns every country, sorted by name. It sorts once, because a collator is slow and not thread-safe.
var byName = sync.OnceValue(func() []stock.Country {
	all := stock.Countries()
	english := collate.New(language.English)
	slices.SortFunc(all, func(x, y stock.Country) int {
		return english.CompareString(CountryName(x), CountryName(y))
	})
	return all
})

type stockLine struct {
	Country string        `json:"country"`
	Code    stock.Country `json:"country_code"`
	Slots   int           `json:"slots"`
}

// A stockCache serves the body of the stock response. Under low load every request reads the store. If [crowdSize] or
// more requests are in progress during one read, later requests share the result of that read for up to [maxAge].
// Otherwise the many reads would slow down all other requests.
//
// A stockCache is safe for concurrent use.
type stockCache struct {
	requests   atomic.Int64 // number of requests since the start
	inProgress atomic.Int64 // number of unanswered requests
	latest     atomic.Pointer[cached]
}

// A cached value holds a response body, and the result of the read from which the body was made.
type cached struct {
	levels     []stock.Level
	body       []byte
	readAt     time.Time   // when the read began
	shared     bool        // many requests were in progress during the read, so later requests may share this body
	refreshing atomic.Bool // a request already reads the store for the next body
}

const (
	maxAge    = 500 * time.Millisecond // how long a shared body is used after its read began
	crowdSize = 64                     // if this many requests are in progress during one read, later requests share its result
)

// get returns the response body. It reads the store unless a shared body is available.
func (s *stockCache) get(read func() ([]stock.Level, error)) ([]byte, error) {
	before := s.requests.Add(1) - s.inProgress.Add(1) // number of answered requests
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

// usable reports whether a request may use this body. When half of [maxAge] is over, usable returns false to one
// request. That request reads the next body, while the other requests continue to use this body.
func (c *cached) usable() bool {
	age := time.Since(c.readAt)
	return c.shared && age < maxAge && (age < maxAge/2 || !c.refreshing.CompareAndSwap(false, true))
}

// bodyAfter returns the body of last if last and c have equal levels. Otherwise it encodes a new body, which takes a
// hundred times as long as the comparison.
func (c *cached) bodyAfter(last *cached) []byte {
	if last != nil && slices.Equal(last.levels, c.levels) {
		return last.body
	}
	return marshal(available(c.levels))
}

// available returns the countries with a free slot, sorted by name.
func available(levels []stock.Level) []stockLine {
	free := make(map[stock.Country]int, len(levels))
	for _, l := range levels {
		free[l.Country] = l.Free
	}
	lines := make([]stockLine, 0, len(levels))
	for _, c := range byName() {
		if free[c] > 0 {
			lines = append(lines, stockLine{CountryName(c), c, free[c]})
		}
	}
	return lines
}
