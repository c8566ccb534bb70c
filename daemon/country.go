package daemon

import (
	"slices"
	"sync"

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

// CountryName returns the short English name of a country, or its code if the code cannot be
// parsed.
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

// Countries returns every country, sorted by name as English collates names. The caller may change
// the slice.
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
