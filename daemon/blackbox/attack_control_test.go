package blackbox_test

import (
	"slices"
	"testing"
	"time"
)

// TestTheCheckerOfAttacksFails has honest clients who fared badly, in each way, and some who did not.
func TestTheCheckerOfAttacksFails(t *testing.T) {
	quick := slices.Repeat([]time.Duration{time.Millisecond}, 1000)
	if all := summed(slices.Clone(quick), 0, 3).faults(true); all != nil {
		t.Error(all)
	}
	slow := slices.Clone(quick)
	for i := range 11 {
		slow[i*90] = time.Second
	}
	for what, s := range map[string]served{
		"11 slow requests of 1000": summed(slow, 0, 0),
		"one request unserved":     summed(slices.Clone(quick), 1, 0),
		"no request":               summed(nil, 0, 0),
	} {
		if s.faults(true) == nil {
			t.Errorf("%s: passes as %v", what, s)
		}
	}
	if (hold{100, 10}).within(hold{50, 10}) || (hold{50, 40}).within(hold{50, 10}) || !(hold{55, 12}).within(hold{50, 10}) {
		t.Error("a leak passes")
	}
}

// TestWithoutLimits is the same attack on a daemon that takes everybody in: then it holds what it is
// made to hold, and the checker of leaks sees it.
func TestWithoutLimits(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.importPlans("p,US,5,,")
	d := s.serve("--max-connections", "0", "--log-level", "info")
	before := d.holds()
	const sockets = 200
	for i := range sockets {
		conn, err := d.dialFrom(s.Context(), i)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // it has served
	}
	s.until("the checker sees what is held", func() bool { return !d.holds().within(before) })
	d.stop()
	d = s.serve("--max-connections", "8", "--log-level", "info")
	before = d.holds()
	for i := range sockets {
		conn, err := d.dialFrom(s.Context(), i)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // it has served
	}
	s.until("the first of them have been closed", func() bool { return d.holds().within(before) })
	d.stop()
}
