package blackbox_test

import (
	"fmt"
	"testing"
)

// awkwardShare is how many tasks there are for each that a provider treats awkwardly: 5 % are.
const awkwardShare = 20

// TestProviderRarelyMisbehaves has many tasks, of which a few meet each manner, an upgrade and a renew at least.
func TestProviderRarelyMisbehaves(t *testing.T) {
	n := Scaled(2*awkwardShare*len(misbehaviours), 10_000)
	ForEachDatabase(t, func(s *Shop) {
		s.ImportPlans(fmt.Sprintf("p,US,%d,,", n))
		want, all := map[string]int{}, make([]trial, n)
		for i := range all {
			all[i] = trial{misbehaviour: misbehaviour{"success", "success", "spent"}, code: fmt.Sprint("K", i), country: "US", used: i%4 == 3}
			if at := i % (2 * awkwardShare); at == 0 || at == awkwardShare-1 { // an upgrade and a renew
				all[i].misbehaviour = misbehaviours[i/(2*awkwardShare)%len(misbehaviours)]
			}
			if !all[i].used {
				want[all[i].slot]++
			}
		}
		o := runTrials(s, all)
		if fault := slotFault(s.Plans()["p"], want); fault != "" {
			s.Error(fault)
		}
		o.Stop()
		Report(s, n, o.countFaults(), "effects", len(s.Provider.Effects()))
	})
}

// TestProviderCheckerFindsFaults has keys and slots that are not as they should be.
func TestProviderCheckerFindsFaults(t *testing.T) {
	good := KeyInfo{Status: "success"}
	spent := trial{misbehaviour: misbehaviour{"500+success", "success", "spent"}}
	if fault := spent.fault(good); fault != "" {
		t.Error(fault)
	}
	for what, k := range map[string]KeyInfo{
		"an open task":    {Status: "in_queue"},
		"another message": {Status: "success", Message: "Wrong address"},
		"another end":     {Status: "failed_upgrade", Message: Messages["system_error"]},
	} {
		if spent.fault(k) == "" {
			t.Errorf("%s passes", what)
		}
	}
	spent.used = true
	if spent.fault(good) == "" {
		t.Error("a renew that ended as an upgrade passes")
	}
	for what, p := range map[string]Plan{
		"a slot that is held":    {Slots: 3, Free: 1, Spent: 1, Held: 1},
		"a slot that is suspect": {Slots: 3, Free: 1, Spent: 1, Suspect: 1},
		"a slot too many":        {Slots: 3, Free: 1, Spent: 2},
	} {
		if slotFault(p, map[string]int{"spent": 1}) == "" {
			t.Errorf("%s passes", what)
		}
	}
	if fault := slotFault(Plan{Slots: 3, Free: 2, Spent: 1}, map[string]int{"spent": 1}); fault != "" {
		t.Error(fault)
	}
}
