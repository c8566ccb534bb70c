package blackbox_test

import (
	"slices"
	"testing"
	"time"
)

// TestAttackCheckerFindsFaults has honest clients who fared badly, in each way, and some who did not.
func TestAttackCheckerFindsFaults(t *testing.T) {
	quick := slices.Repeat([]time.Duration{time.Millisecond}, 1000)
	if all := summarize(slices.Clone(quick), 0, 3).faults(true); all != nil {
		t.Error(all)
	}
	slow := slices.Clone(quick)
	for i := range 11 {
		slow[i*90] = time.Second
	}
	for what, s := range map[string]visitResult{
		"11 slow requests of 1000": summarize(slow, 0, 0),
		"one request unserved":     summarize(slices.Clone(quick), 1, 0),
		"no request":               summarize(nil, 0, 0),
	} {
		if s.faults(true) == nil {
			t.Errorf("%s: passes as %v", what, s)
		}
	}
	if (usage{100, 10}).withinLeakLimit(usage{50, 10}) || (usage{50, 40}).withinLeakLimit(usage{50, 10}) || !(usage{55, 12}).withinLeakLimit(usage{50, 10}) {
		t.Error("a leak passes")
	}
}

// TestLeakCheckFindsLeaks is the same attack on a daemon that takes everybody in: then it holds what it is
// made to hold, and the checker of leaks sees it.
func TestLeakCheckFindsLeaks(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--max-connections", "0", "--log-level", "info")
	before := d.usage()
	const sockets = 200
	for i := range sockets {
		conn, err := d.dialFrom(s.Context(), i)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // it has served
	}
	s.Eventually("the checker sees what is held", func() bool { return !d.usage().withinLeakLimit(before) })
	d.Stop()
	d = s.Serve("--max-connections", "8", "--log-level", "info")
	before = d.usage()
	for i := range sockets {
		conn, err := d.dialFrom(s.Context(), i)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // it has served
	}
	s.Eventually("the first of them have been closed", func() bool { return d.usage().withinLeakLimit(before) })
	d.Stop()
}
