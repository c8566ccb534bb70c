package daemon

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A level is a country's line in the stock answer.
type level struct {
	Country string        `json:"country"`
	Code    stock.Country `json:"country_code"`
	Slots   int           `json:"slots"`
}

var rank = sync.OnceValue(ranks)

// A shelf gives the stock answer. One that is alone gets what is true while it asks. A crowd shares
// what was read no longer than [oldest] before, because to sum all plans is slow, and to do it over
// and over would take from everybody else. A shelf is safe for concurrent use.
type shelf struct {
	asked  atomic.Int64 // how often, so far
	asking atomic.Int64 // how many do now
	latest atomic.Pointer[offer]
}

// An offer is an answer with what it was made from.
type offer struct {
	levels  []stock.Level
	line    []byte
	read    time.Time   // from then on it may have been true
	crowded bool        // because a crowd asked while it was read
	renewed atomic.Bool // somebody reads the next one
}

const (
	oldest = 500 * time.Millisecond // that a crowd is told
	many   = 64                     // who ask while one reading takes are a crowd
)

// line is the answer, read if need be.
func (s *shelf) line(read func() ([]stock.Level, error)) ([]byte, error) {
	before := s.asked.Add(1) - s.asking.Add(1) // and have been answered
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

// serves says whether one who asks now gets this offer. Of a crowd the first to come when half its
// time is over does not, and reads the next one for all.
func (o *offer) serves() bool {
	age := time.Since(o.read)
	return o.crowded && age < oldest && (age < oldest/2 || !o.renewed.CompareAndSwap(false, true))
}

// lineAfter is the last offer's if it shows the same, because to compare is quicker than to sort and
// to encode.
func (o *offer) lineAfter(last *offer) []byte {
	if last != nil && slices.Equal(last.levels, o.levels) {
		return last.line
	}
	return line(onSale(o.levels, rank()))
}

// onSale lists the countries with a free slot, in the order of their names.
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
