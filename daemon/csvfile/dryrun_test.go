package csvfile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// stored returns a finder of the given keys.
func stored(known ...keys.Code) csvfile.Finder {
	return func(_ context.Context, codes []keys.Code) (found []tasks.Snapshot, err error) {
		for _, code := range codes {
			v := tasks.Snapshot{Key: keys.Key{Code: code}}
			if slices.Contains(known, code) {
				v.Key.Version = 1
			}
			found = append(found, v)
		}
		return found, nil
	}
}

func TestDryRunPrintsEveryErrorInOrder(t *testing.T) {
	find := stored("old", "00000-00000-00000-00000-00012")
	for file, want := range map[string]string{
		"code,used,address\nA,1,\nb b,,\nold,,\nB,maybe,\"1\n2\"\nA,,\nC,0,\n00000-00000-00000-00000-00012,,\nC\nC,,\nold,,\n": `line 3: code must be 1 to 128 printable ASCII characters with no space
line 4: the code exists already
line 5: used must be 0, 1, true or false
line 7: the code comes on line 2 already
line 9: the code exists already
line 10: 1 cells under a header of 3: give each row a cell for each column
line 11: the code comes on line 8 already
line 12: the code exists already
checked: 10 rows, 8 invalid; nothing was stored
`,
		"code\nA\nB\n": "checked: 2 rows, 0 invalid; nothing was stored\n",
		"code\n":       "checked: 0 rows, 0 invalid; nothing was stored\n",
		"code,colour\nA,red\n": "line 1: column 2 (colour) is not one of " + strings.Join(csvfile.KeyColumns(), ",") + "; nothing after it was read\n" +
			"checked: 1 rows, 1 invalid; nothing was stored\n",
		"code\nold\n" + strings.Repeat("x", 70<<10) + "\nA\n": `line 2: the code exists already
line 3: the row is longer than 64 KiB: shorten it, or close the quote that an earlier cell opens; nothing after it was read
checked: 2 rows, 2 invalid; nothing was stored
`,
	} {
		var out strings.Builder
		err := csvfile.New(strings.NewReader(file)).DryRun(t.Context(), &out, find)
		if out.String() != want || errors.Is(err, csvfile.ErrInvalidFile) != strings.Contains(want, "line ") {
			t.Errorf("%.60q: %v\ngot\n%swant\n%s", file, err, out.String(), want)
		}
	}
}

// TestDryRunRemembersCodesOfEarlierPages checks files that are longer than a page of rows.
func TestDryRunRemembersCodesOfEarlierPages(t *testing.T) {
	var file strings.Builder
	file.WriteString("code\n")
	for i := range 3007 {
		fmt.Fprintf(&file, "code-%06d\n", i)
	}
	var out strings.Builder
	err := csvfile.New(strings.NewReader(file.String()+"code-000003\nold\n")).DryRun(t.Context(), &out, stored("old", "code-002999"))
	const want = `line 3001: the code exists already
line 3009: the code comes on line 5 already
line 3010: the code exists already
checked: 3009 rows, 3 invalid; nothing was stored
`
	if !errors.Is(err, csvfile.ErrInvalidFile) || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestDryRunReturnsErrorsOfReadingFindingAndWriting(t *testing.T) {
	if err := csvfile.New(strings.NewReader("code\nA\nA\n")).DryRun(t.Context(), full{}, stored()); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
	lost := errors.New("the disk is gone")
	file := csvfile.New(io.MultiReader(strings.NewReader("code\nA\n"), iotest.ErrReader(lost)))
	if err := file.DryRun(t.Context(), io.Discard, stored()); !errors.Is(err, lost) {
		t.Error(err)
	}
	find := func(context.Context, []keys.Code) ([]tasks.Snapshot, error) { return nil, lost }
	if err := csvfile.New(strings.NewReader("code\nA\n")).DryRun(t.Context(), io.Discard, find); !errors.Is(err, lost) {
		t.Error(err)
	}
}
