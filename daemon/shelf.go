package daemon

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A level is a country's entry in the stock answer.
type level struct {
	Country string        `json:"country"`
	Code    stock.Country `json:"country_code"`
	Slots   int           `json:"slots"`
}

var rank = sync.OnceValue(ranks)

// A shelf is the stock cache. Under low load every request reads the store. If [many] or more
// requests are in progress during one read, later requests share its result for up to [oldest]. The
// reason is that summing all plans is slow, and repeated reads would slow down all other requests.
//
// A shelf is safe for concurrent use.
type shelf struct {
	asked  atomic.Int64 // number of requests so far
	asking atomic.Int64 // number of requests in progress
	latest atomic.Pointer[offer]
}

// An offer is a cached answer with the data that it was made from.
type offer struct {
	levels  []stock.Level
	line    []byte
	read    time.Time   // when the read began
	crowded bool        // many requests were in progress during the read, so later requests may share it
	renewed atomic.Bool // a request reads the next answer
}

const (
	oldest = 500 * time.Millisecond // maximum age of a shared answer
	many   = 64                     // number of requests during one read that makes the answer shared
)

// line returns the answer. It reads the store unless a shared answer is available.
func (s *shelf) line(read func() ([]stock.Level, error)) ([]byte, error) {
	before := s.asked.Add(1) - s.asking.Add(1) // number of requests answered so far
	defer s.asking.Add(-1)
	if last := s.latest.Load(); last != nil && last.serves() {
		return last.line, nil
	}
	begun := time.Now()
	levels, err := read()
	if err != nil {
		return nil, err
	}
	next := &offer{levels: levels, read: begun, crowded: s.asked.Load()-before >= many}
	next.line = next.lineAfter(s.latest.Load())
	s.latest.Store(next)
	return next.line, nil
}

// serves reports whether a request may use this answer. When half of its lifetime is over, the
// first request may not: it reads the next answer for all.
func (o *offer) serves() bool {
	age := time.Since(o.read)
	return o.crowded && age < oldest && (age < oldest/2 || !o.renewed.CompareAndSwap(false, true))
}

// lineAfter returns the line of the last answer if the levels are equal, because comparing is
// faster than sorting and encoding.
func (o *offer) lineAfter(last *offer) []byte {
	if last != nil && slices.Equal(last.levels, o.levels) {
		return last.line
	}
	return line(onSale(o.levels, rank()))
}

// onSale returns the countries with a free slot, sorted by name.
func onSale(levels []stock.Level, rank map[stock.Country]int) []level {
	all := make([]level, 0, len(levels))
	for _, l := range levels {
		if l.Free > 0 {
			all = append(all, level{CountryName(l.Country), l.Country, l.Free})
		}
	}
	slices.SortFunc(all, func(x, y level) int { return cmp.Compare(rank[x.Code], rank[y.Code]) })
	return all
}
