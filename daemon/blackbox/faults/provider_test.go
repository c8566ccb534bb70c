package faults_test

import (
	"fmt"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A misbehaviour is a behaviour of the provider, with the expected end of the task.
type misbehaviour struct {
	script  string // the local part of the login; DATE stands for two seconds from now
	outcome string
	slot    string // the state of the slot after the task: free, spent or suspect
}

// misbehaviours lists every misbehaviour. A task that ends well needs a second call.
var misbehaviours = []misbehaviour{
	{"invalid_credentials", "invalid_credentials", "free"},
	{"422", "system_error", "free"},
	{"odd_outcome", "system_error", "free"},
	{"429=0+success", "success", "spent"},
	{"429=5+success", "success", "spent"},
	{"429=86400+success", "success", "spent"},
	{"429=DATE+success", "success", "spent"},
	{"429=Thu, 01 Jan 1970 00:00:00 GMT+success", "success", "spent"},
	{"429=garbage+success", "success", "spent"},
	{"503=0+success", "success", "spent"},
	{"503=5+success", "success", "spent"},
	{"503=86400+success", "success", "spent"},
	{"503=DATE+success", "success", "spent"},
	{"503=garbage_after+success", "success", "spent"},
	{"500+success", "success", "spent"},
	{"500_after+success", "success", "spent"},
	{"500", "system_error", "suspect"},
	{"500_after", "system_error", "suspect"},
	{"cut+success", "success", "spent"},
	{"cut_after+success", "success", "spent"},
	{"cut", "system_error", "suspect"},
	{"cut_after", "system_error", "suspect"},
	{"empty_after", "system_error", "suspect"},
	{"html", "system_error", "suspect"},
	{"truncated_after", "system_error", "suspect"},
	{"huge", "system_error", "suspect"},
	{"drip_after", "system_error", "suspect"},
	{"redirect", "system_error", "suspect"},
	{"no_outcome", "system_error", "suspect"},
	{"202", "system_error", "suspect"},
}

// TestProviderMisbehaves has tasks with every misbehaviour of the provider, for many keys simultaneously. Each task
// gets the documented outcome, no effect happens twice, and every slot has the right state.
func TestProviderMisbehaves(t *testing.T) {
	each := harness.Scaled(1, 200)
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		var all []trial
		var plans []string
		for i, a := range misbehaviours {
			plans = append(plans, fmt.Sprintf("p%d,%s,%d,,", i, harness.Countries[i], each))
			for n := range each {
				all = append(all, trial{misbehaviour: a, code: fmt.Sprintf("K%d-%d", i, n), country: harness.Countries[i]})
			}
		}
		s.ImportPlans(plans...)
		o := runTrials(s, all)
		counts := s.Plans()
		for i, a := range misbehaviours {
			if fault := slotFault(counts[fmt.Sprint("p", i)], map[string]int{a.slot: each}); fault != "" {
				s.Errorf("%s: %s", a.script, fault)
			}
		}
		o.Stop()
		harness.Report(s, len(all), o.countFaults(), "misbehaviours", len(misbehaviours))
	})
}

// misbehaviourShare is the number of tasks of which one meets a misbehaviour.
const misbehaviourShare = 20

// TestProviderRarelyMisbehaves has many tasks, and the provider misbehaves for a few of them. Each misbehaviour meets
// an upgrade and a renew.
func TestProviderRarelyMisbehaves(t *testing.T) {
	n := harness.Scaled(2*misbehaviourShare*len(misbehaviours), 10_000)
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportPlans(fmt.Sprintf("p,US,%d,,", n))
		want, all := map[string]int{}, make([]trial, n)
		for i := range all {
			all[i] = trial{misbehaviour: misbehaviour{"success", "success", "spent"}, code: fmt.Sprint("K", i), country: "US", used: i%4 == 3}
			if at := i % (2 * misbehaviourShare); at == 0 || at == misbehaviourShare-1 { // an upgrade and a renew
				all[i].misbehaviour = misbehaviours[i/(2*misbehaviourShare)%len(misbehaviours)]
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
		harness.Report(s, n, o.countFaults(), "effects", len(s.Provider.Effects()))
	})
}

// TestProviderCheckerFindsFaults checks that the check of the provider tests finds a wrong end of a task and a wrong
// slot.
func TestProviderCheckerFindsFaults(t *testing.T) {
	good := harness.KeyInfo{Status: "success"}
	spent := trial{misbehaviour: misbehaviour{"500+success", "success", "spent"}}
	if fault := spent.fault(good); fault != "" {
		t.Error(fault)
	}
	for what, k := range map[string]harness.KeyInfo{
		"an open task":    {Status: "in_queue"},
		"another message": {Status: "success", Message: "Wrong address"},
		"another end":     {Status: "failed_upgrade", Message: harness.Messages["system_error"]},
	} {
		if spent.fault(k) == "" {
			t.Errorf("%s passes", what)
		}
	}
	spent.used = true
	if spent.fault(good) == "" {
		t.Error("a renew that ended as an upgrade passes")
	}
	for what, p := range map[string]harness.Plan{
		"a slot that is held":    {Slots: 3, Free: 1, Spent: 1, Held: 1},
		"a slot that is suspect": {Slots: 3, Free: 1, Spent: 1, Suspect: 1},
		"a slot too many":        {Slots: 3, Free: 1, Spent: 2},
	} {
		if slotFault(p, map[string]int{"spent": 1}) == "" {
			t.Errorf("%s passes", what)
		}
	}
	if fault := slotFault(harness.Plan{Slots: 3, Free: 2, Spent: 1}, map[string]int{"spent": 1}); fault != "" {
		t.Error(fault)
	}
}
