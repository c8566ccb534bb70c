package stock

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A Level holds the numbers of a country's slots. Size = Free + Held + Spent + Suspect + Idle.
type Level struct {
	Country Country
	Size    int
	Free    int // free slots of available plans: a claim can take them
	Held    int
	Spent   int
	Suspect int
	Idle    int // free slots of plans that are retired, expired or have a fault
}

// Levels returns the sums of the plans by country, in the order of the countries' codes. The time decides
// which plans have expired.
func Levels(at time.Time, plans []Plan) []Level {
	sums := map[Country]Level{}
	for _, p := range plans {
		sums[p.Country] = sums[p.Country].plus(p, p.Available(at))
	}
	return slices.SortedFunc(maps.Values(sums), func(x, y Level) int { return cmp.Compare(x.Country, y.Country) })
}

func (l Level) plus(p Plan, available bool) Level {
	l.Country = p.Country
	l.Size += p.Size
	l.Held += p.Held
	l.Spent += p.Spent
	l.Suspect += p.Suspect
	if available {
		l.Free += p.Free()
	} else {
		l.Idle += p.Free()
	}
	return l
}
