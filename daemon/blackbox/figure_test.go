package blackbox_test

import (
	"flag"
	"fmt"
	"testing"
)

// Scale is the share of each promise's full figure that is tried. With 0 it is as much as goes with
// every change.
var Scale = flag.Float64("scale", 0, "the share of each promise's full figure that is tried; 0: a few")

// Scaled is how often something is tried: a few times, or as often as the scale says.
func Scaled(few, full int) int { return max(few, int(*Scale*float64(full))) }

// Report reports what a test has done, for the table that daemon/soak prints: how many trials, how
// many faults it has injected, and what else it has counted, as a name and a value each.
func Report(t testing.TB, trials, faults int, others ...any) {
	t.Helper()
	t.Attr("trials", fmt.Sprint(trials))
	t.Attr("faults", fmt.Sprint(faults))
	for i := 0; i+1 < len(others); i += 2 {
		t.Attr(fmt.Sprint(others[i]), fmt.Sprint(others[i+1]))
	}
}
