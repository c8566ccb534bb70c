package stock

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A Level is the sum of a country's slots. Size = Free + Held + Spent + Suspect + Idle.
type Level struct {
	Country Country
	Size    int
	Free    int // of live plans: what can be claimed
	Held    int
	Spent   int
	Suspect int
	Idle    int // free slots of plans that are retired, expired or faulty
}

// Levels sums plans by country at that time, in the order of the countries' codes.
func Levels(at time.Time, plans []Plan) []Level {
	sums := map[Country]Level{}
	for _, p := range plans {
		sums[p.Country] = sums[p.Country].plus(p, p.Available(at))
	}
	return slices.SortedFunc(maps.Values(sums), func(x, y Level) int { return cmp.Compare(x.Country, y.Country) })
}

func (l Level) plus(p Plan, live bool) Level {
	l.Country = p.Country
	l.Size += p.Size
	l.Held += p.Held
	l.Spent += p.Spent
	l.Suspect += p.Suspect
	if live {
		l.Free += p.Free()
	} else {
		l.Idle += p.Free()
	}
	return l
}
