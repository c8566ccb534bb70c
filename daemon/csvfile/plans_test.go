package csvfile_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/stock"
)

func TestPlans(t *testing.T) {
	us, de := stock.Country("US"), stock.Country("DE")
	for file, want := range map[string][]stock.PlanEdit{
		"id,country,slots\n": nil,
		"id,country,slots\np1,us,6\np2,De,0\n": {
			{ID: "p1", Country: &us, Size: new(6)}, {ID: "p2", Country: &de, Size: new(0)},
		},
		"expires_at,slots,invite,id,address,country\n2027-01-02,1000000,i,p,\"a\nb\",US\n,1,,q,,US\n": {
			{
				ID: "p", Country: &us, Size: new(1_000_000), Address: new("a\nb"), Invite: new("i"),
				ExpiresAt: new(time.Date(2027, 1, 3, 0, 0, 0, 0, time.UTC)),
			},
			{ID: "q", Country: &us, Size: new(1), Address: new(""), Invite: new(""), ExpiresAt: new(time.Time{})},
		},
	} {
		got, err := csvfile.New(strings.NewReader(file)).Plans()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v\n got %+v\nwant %+v", file, err, got, want)
		}
	}
}

func TestInvalidPlans(t *testing.T) {
	for file, want := range map[string]string{
		"":                             "line 1: the file is empty",
		"id,country\n":                 "line 1: the column slots is missing",
		"id,country,size\n":            "line 1: column 3 (size) is not one of id,country,address,invite,slots,expires_at",
		"id,country,slots\n,US,1\n":    "line 2: id must be 1 to 128 printable ASCII characters with no space",
		"id,country,slots\na b,US,1\n": "line 2: id must be",
		"id,country,slots\n" + strings.Repeat("x", 129) + ",US,1\n": "line 2: id must be",
		"id,country,slots\na,UK,1\n":                                "line 2: country must be an ISO 3166-1 alpha-2 code",
		"id,country,slots\na,,1\n":                                  "line 2: country must be",
		"id,country,slots\na,US,-1\n":                               "line 2: slots must be a number from 0 to 1000000",
		"id,country,slots\na,US,+1\n":                               "line 2: slots must be",
		"id,country,slots\na,US,\n":                                 "line 2: slots must be",
		"id,country,slots\na,US,1.5\n":                              "line 2: slots must be",
		"id,country,slots\na,US,1000001\n":                          "line 2: slots must be",
		"id,country,slots\na,US,99999999999999999999\n":             "line 2: slots must be",
		"id,country,slots,expires_at\na,US,1,\nb,US,1,never\n":      "line 3: expires_at must be a time",
		"id,country,slots,invite\na,US,1,\"x\ny\"\n":                "line 2: invite has a control character",
		"id,country,slots\na,US,1\n\"\n":                            "line 3: a quote is out of place",
	} {
		edits, err := csvfile.New(strings.NewReader(file)).Plans()
		var line csvfile.LineError
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, &line) || edits != nil {
			t.Errorf("%.60q: %v\nwant %s", file, err, want)
		}
	}
}

// TestParseEnd checks that a date means the end of its day, and that a time is unchanged.
func TestParseEnd(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-29": "2026-11-30T00:00:00Z", "2026-12-31": "2027-01-01T00:00:00Z", "2028-02-28": "2028-02-29T00:00:00Z",
		"9999-12-31": "9999-12-31T23:59:59Z", "2026-11-29T00:00:00Z": "2026-11-29T00:00:00Z", "2026-11-29T23:59:59-10:00": "2026-11-30T09:59:59Z",
	} {
		got, err := csvfile.ParseEnd(text)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s gives %v, %v; not %s", text, got, err, want)
		}
		if again, err := csvfile.ParseEnd(got.Format(time.RFC3339)); err != nil || !again.Equal(got) {
			t.Errorf("%s is read back as %v, %v", got, again, err)
		}
	}
	for _, text := range []string{"", "2026-02-30", "1969-12-31", "2026-11-29 ", "29.11.2026"} {
		if got, err := csvfile.ParseEnd(text); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

// TestParseCountry checks that the error for another code of a country, such as USA, names the right one.
func TestParseCountry(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" us\t": "US", "UK": "the code of UK is GB", "usa": "the code of usa is US", "840": "the code of 840 is US", "ZZ": "(e.g., US)", "United States": "(e.g., US)",
	} {
		country, err := csvfile.ParseCountry(text)
		got := string(country)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, want) {
			t.Errorf("%q: %q, want %s", text, got, want)
		}
	}
}
