package stock_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/keyseat/keyseat/stock"
)

func TestCountries(t *testing.T) {
	all := stock.Countries()
	if len(all) != 249+1 { // ISO 3166-1 has assigned 249 codes
		t.Errorf("%d countries", len(all))
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("the codes are not in order, or one comes twice")
	}
	if !slices.Contains(all, "XK") {
		t.Error("Kosovo is missing")
	}
	all[0] = "??"
	if stock.Countries()[0] != "AD" {
		t.Error("callers share one list")
	}
}

// TestParseCountry tests every text of two bytes. Only the codes of countries parse, in upper or lower case.
func TestParseCountry(t *testing.T) {
	all := stock.Countries()
	found := 0
	for i := range 1 << 16 {
		s := string([]byte{byte(i >> 8), byte(i)})
		got, err := stock.ParseCountry(s)
		if err != nil {
			if got != "" || !errors.Is(err, stock.ErrCountry) {
				t.Fatalf("%q gives %q, %v", s, got, err)
			}
			continue
		}
		found++
		if !slices.Contains(all, got) || !strings.EqualFold(s, string(got)) {
			t.Fatalf("%q gives %q", s, got)
		}
	}
	if found != 4*len(all) {
		t.Errorf("%d texts are countries, not %d", found, 4*len(all))
	}
}

// TestNoCountry tests invalid texts. Some of their letters become ASCII letters when their case is changed.
func TestNoCountry(t *testing.T) {
	junk := []string{"", "U", "USA", " US", "US ", "U S", "US\x00", "\ufeffUS", "ＵＳ", "Germany", "UK", "EU", "ZZ", "AA", "ıN", "Iı", "ſE", "uſ", "Kſ"}
	for r := rune(unicode.MaxASCII + 1); r <= unicode.MaxRune; r++ {
		junk = append(junk, string(r))
	}
	for _, s := range junk {
		if got, err := stock.ParseCountry(s); got != "" || !errors.Is(err, stock.ErrCountry) {
			t.Fatalf("%q gives %q, %v", s, got, err)
		}
	}
}

func FuzzParseCountry(f *testing.F) {
	for _, s := range []string{"", "us", "XK", "ıN", "ſE", "\xff\xff", "DEU"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := stock.ParseCountry(s)
		if err != nil {
			return
		}
		if again, err := stock.ParseCountry(string(c)); again != c || err != nil || len(s) != 2 {
			t.Fatalf("%q gives %q, and that %q, %v", s, c, again, err)
		}
	})
}
