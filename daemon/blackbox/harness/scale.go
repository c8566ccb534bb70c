package harness

import (
	"flag"
	"fmt"
	"testing"
)

// Scale is the part of the full length of a test that runs. With 0, a test runs as often as with every change.
var Scale = flag.Float64("scale", 0, "the part of the full length of each test; 0: short")

// Scaled returns how often a test does something: full times the scale, but at least few.
func Scaled(few, full int) int { return max(few, int(*Scale*float64(full))) }

// Report reports figures to daemon/soak: the trials, the injected faults, and further figures as pairs of names and
// values.
func Report(t testing.TB, trials, faults int, others ...any) {
	t.Helper()
	t.Attr("trials", fmt.Sprint(trials))
	t.Attr("faults", fmt.Sprint(faults))
	for i := 0; i+1 < len(others); i += 2 {
		t.Attr(fmt.Sprint(others[i]), fmt.Sprint(others[i+1]))
	}
}

// ParallelUnlessScaled makes a test parallel, unless the scale is above 0. Then the test measures times.
func ParallelUnlessScaled(t *testing.T) {
	if *Scale == 0 {
		t.Parallel()
	}
}
