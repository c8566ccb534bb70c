package daemon_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"
	"golang.org/x/text/language"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/stock"
)

// TestCountriesMatchISO3166 compares the countries, code by code, with two lists from other sources.
func TestCountriesMatchISO3166(t *testing.T) {
	v := validator.New()
	ours := stock.Countries()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			known := slices.Contains(ours, stock.Country(code))
			if theirs := v.Var(code, "iso3166_1_alpha2") == nil; theirs != known {
				t.Errorf("%s is a country to the validator: %v, here: %v", code, theirs, known)
			}
			region, err := language.ParseRegion(code)
			if known && (err != nil || !region.IsCountry() || region.String() != code) {
				t.Errorf("%s is no country to x/text: %v, %v", code, region, err)
			}
		}
	}
}

func TestEveryCountryHasAName(t *testing.T) {
	for _, c := range stock.Countries() {
		if name := daemon.CountryName(c); name == string(c) || name == "" || strings.Contains(name, "SAR") {
			t.Errorf("%s is called %q", c, name)
		}
	}
}
