package seq_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/keyseat/keyseat/internal/seq"
)

// TestPages reads lists of 0 to 7 rows in pages of 3.
func TestPages(t *testing.T) {
	for n := range 8 {
		rows := []int{}
		for i := range n {
			rows = append(rows, i+1)
		}
		reads := 0
		read := func(after, size int) ([]int, error) {
			reads++
			return rows[after:min(after+size, n)], nil
		}
		var got []string
		pages := seq.Pages(0, 3, read, func(row int) int { return row })
		for text, err := range seq.Map(pages, strconv.Itoa) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, text)
		}
		if len(got) != n || reads != n/3+1 || n > 0 && got[n-1] != strconv.Itoa(n) {
			t.Errorf("%d rows: %v in %d reads", n, got, reads)
		}
	}
}

func TestPagesEndInAnError(t *testing.T) {
	failure := errors.New("away")
	read := func(after, _ int) ([]int, error) {
		if after > 0 {
			return nil, failure
		}
		return []int{1, 2}, nil
	}
	var got []int
	var last error
	for row, err := range seq.Map(seq.Pages(0, 2, read, func(row int) int { return row }), func(row int) int { return -row }) {
		got, last = append(got, row), err
	}
	if !slices.Equal(got, []int{-1, -2, 0}) || !errors.Is(last, failure) {
		t.Errorf("%v, %v", got, last)
	}
}

func TestRangesCanStop(t *testing.T) {
	for row, err := range seq.Map(seq.All([]int{1, 2}), func(row int) int { return row }) {
		if row != 1 || err != nil {
			t.Error("the sequence went on")
		}
		break
	}
}
