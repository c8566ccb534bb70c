package csvfile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/csvfile"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 70<<10)
	for file, want := range map[string]string{
		"code\nA\nB\n": "2 A | 3 B",
		"code,used\nA,1\nB\nC,maybe\n\nD,\n,1\nE\"E,1\nF,0\n": "2 A | 3! 1 cells under a header of 2: give each row a cell for each column | 4! used must be 0, 1, true or false | 6 D | " +
			"7! code must be 1 to 128 printable ASCII characters with no space | 8! a quote is out of place or never closed: put quotes around the whole cell, and double each quote inside | 9 F",
		"code,address\nA,\"1\n2\"\nb b,\"3\n4\"\nC,\n": "2 A | 4! code must be 1 to 128 printable ASCII characters with no space | 6 C",
		"code\nA\n\"B\nC\n":                            "2 A | 3! a quote is out of place or never closed: put quotes around the whole cell, and double each quote inside",
		"code\nA\n" + long + "\nB\n":                   "2 A | error line 3: the row is longer than 64 KiB: shorten it, or close the quote that an earlier cell opens",
		"":                                             "error line 1: the file is empty: its first line names the columns",
		"code,colour\nA,red\n":                         "error line 1: column 2 (colour) is not one of " + strings.Join(csvfile.KeyColumns(), ","),
	} {
		var got []string
		for result, err := range csvfile.New(strings.NewReader(file)).CheckKeys() {
			switch {
			case err != nil:
				got = append(got, "error "+err.Error())
			case result.Err != nil:
				got = append(got, fmt.Sprintf("%d! %v", result.Line, result.Err))
			default:
				got = append(got, fmt.Sprintf("%d %s", result.Line, result.Value.Code))
			}
		}
		if all := strings.Join(got, " | "); all != want {
			t.Errorf("%.60q:\n got %s\nwant %s", file, all, want)
		}
	}
}

// TestCheckAgreesWithKeys checks that Check finds no error in a file exactly if Keys can read the file.
func TestCheckAgreesWithKeys(t *testing.T) {
	for _, row := range []string{"A,,", "A,1,active", "A,0,success", "A,1,success", "a b,,", "A,2,", "A,", "A,,,", "A,,in_queue", "\"A,,", "A\",,", ""} {
		file := "code,used,status\nfirst,,\n" + row + "\nlast,,\n"
		var first error
		for _, err := range csvfile.New(strings.NewReader(file)).Keys() {
			first = err
		}
		var invalid []error
		for result, err := range csvfile.New(strings.NewReader(file)).CheckKeys() {
			if err != nil {
				t.Fatal(err)
			}
			if result.Err != nil {
				invalid = append(invalid, csvfile.LineError{Line: result.Line, Err: result.Err})
			}
		}
		switch {
		case first == nil && len(invalid) == 0:
		case first == nil || len(invalid) == 0 || first.Error() != invalid[0].Error():
			t.Errorf("%q: %v, but %v", row, first, invalid)
		}
	}
}

func TestCheckReadsOnce(t *testing.T) {
	s := csvfile.New(strings.NewReader("code\nA\nB\n"))
	for result, err := range s.CheckKeys() {
		if err != nil {
			t.Fatal(err)
		}
		if result.Value.Code != "A" {
			t.Error(result)
		}
		break
	}
	var errs []error
	for _, err := range s.CheckKeys() {
		errs = append(errs, err)
	}
	if !slices.EqualFunc(errs, []error{csvfile.ErrAlreadyRead}, errors.Is) {
		t.Error(errs)
	}
}

// TestCheckPlans checks that a file of plans is read on after an invalid row.
func TestCheckPlans(t *testing.T) {
	var got []string
	for result, err := range csvfile.New(strings.NewReader("id,country,slots\na,US,3\nb,XX,3\n\nc,DE,many\nd,de,4\n")).CheckPlans() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %v", result.Line, result.Value.ID, result.Err))
	}
	want := []string{
		"2 a <nil>", "3  country must be an ISO 3166-1 alpha-2 code (e.g., US)",
		"5  slots must be a number from 0 to 1000000", "6 d <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
