package terminal

import (
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// useNarrowDots counts "…" as one column, because in a Chinese, Japanese or Korean locale it counts as two.
func useNarrowDots() { runewidth.DefaultCondition.EastAsianWidth = false }

func TestTableFitsTheWidthOfTheTerminal(t *testing.T) {
	useNarrowDots()
	layout := Layout[[]string]{"ID ADDRESS~ DUE?", slices.Clone[[]string]}
	rows := func(yield func([]string, error) bool) {
		_ = yield([]string{"plan-1", "a long street in 東京都", "2026-01-01"}, nil) && yield([]string{"plan-2", "", "-"}, nil)
	}
	for width, want := range map[int]string{
		0:  "ID      ADDRESS                  DUE\nplan-1  a long street in 東京都  2026-01-01\nplan-2  -                        -\n",
		41: "ID      ADDRESS                DUE\nplan-1  a long street in 東…   2026-01-01\nplan-2  -                      -\n",
		26: "ID      ADDRESS\nplan-1  a long street in …\nplan-2  -\n",
		16: "ID      ADDRESS\nplan-1  a long …\nplan-2  -\n",
		9:  "ID   ADD…\npl…  a l…\npl…  -\n",
	} {
		var out strings.Builder
		if err := printTable(&out, width, layout, rows); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%d columns: got\n%swant\n%s", width, out.String(), want)
		}
	}
}

// TestOptionalColumnShrinksFirst checks that a column that is both truncated and optional shrinks before a column is
// hidden.
func TestOptionalColumnShrinksFirst(t *testing.T) {
	useNarrowDots()
	layout := Layout[[]string]{"CODE NAME~? PLAN?", slices.Clone[[]string]}
	rows := func(yield func([]string, error) bool) {
		_ = yield([]string{"code-1", "somebody with a long name", "plan-1"}, nil)
	}
	for width, want := range map[int]string{
		30: "CODE    NAME            PLAN\ncode-1  somebody with…  plan-1\n",
		20: "CODE    NAME\ncode-1  somebody wi…\n",
		10: "CODE\ncode-1\n",
	} {
		var out strings.Builder
		if err := printTable(&out, width, layout, rows); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%d columns: got\n%swant\n%s", width, out.String(), want)
		}
	}
}
