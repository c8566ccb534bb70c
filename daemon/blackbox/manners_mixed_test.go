package blackbox_test

import (
	"fmt"
	"testing"
)

// awkwardIn is how many tasks there are for each that a provider treats awkwardly: 5 % are.
const awkwardIn = 20

// TestMostlyGoodProvider has many tasks, of which a few meet each manner, an upgrade and a renew at least.
func TestMostlyGoodProvider(t *testing.T) {
	n := figure(2*awkwardIn*len(awkwards), 10_000)
	eachDatabase(t, func(s *shop) {
		s.importPlans(fmt.Sprintf("p,US,%d,,", n))
		want, all := map[string]int{}, make([]trial, n)
		for i := range all {
			all[i] = trial{awkward: awkward{"success", "success", "spent"}, code: fmt.Sprint("K", i), country: "US", used: i%4 == 3}
			if at := i % (2 * awkwardIn); at == 0 || at == awkwardIn-1 { // an upgrade and a renew
				all[i].awkward = awkwards[i/(2*awkwardIn)%len(awkwards)]
			}
			if !all[i].used {
				want[all[i].slot]++
			}
		}
		o := endure(s, all)
		if fault := misplaced(s.plans()["p"], want); fault != "" {
			s.Error(fault)
		}
		o.stop()
		tried(s, n, o.faults(), "effects", len(s.provider.Effects()))
	})
}

// TestTheCheckerOfOrdealsFails has keys and slots that are not as they should be.
func TestTheCheckerOfOrdealsFails(t *testing.T) {
	good := shown{Status: "success"}
	spent := trial{awkward: awkward{"500+success", "success", "spent"}}
	if fault := spent.fault(good); fault != "" {
		t.Error(fault)
	}
	for what, k := range map[string]shown{
		"an open task":    {Status: "in_queue"},
		"another message": {Status: "success", Message: "Wrong address"},
		"another end":     {Status: "failed_upgrade", Message: messages["system_error"]},
	} {
		if spent.fault(k) == "" {
			t.Errorf("%s passes", what)
		}
	}
	spent.used = true
	if spent.fault(good) == "" {
		t.Error("a renew that ended as an upgrade passes")
	}
	for what, p := range map[string]plan{
		"a slot that is held":    {Slots: 3, Free: 1, Spent: 1, Held: 1},
		"a slot that is suspect": {Slots: 3, Free: 1, Spent: 1, Suspect: 1},
		"a slot too many":        {Slots: 3, Free: 1, Spent: 2},
	} {
		if misplaced(p, map[string]int{"spent": 1}) == "" {
			t.Errorf("%s passes", what)
		}
	}
	if fault := misplaced(plan{Slots: 3, Free: 2, Spent: 1}, map[string]int{"spent": 1}); fault != "" {
		t.Error(fault)
	}
}
