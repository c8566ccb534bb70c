package blackbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// An misbehaviour manner is how a provider treats a task, in the words of the fake one, and what then
// becomes of the task and its slot.
type misbehaviour struct {
	script  string // the local part of a login; DATE stands for two seconds from now
	outcome string
	slot    string // free, spent or suspect
}

// misbehaviours are all of them. Those that end well must have been asked again.
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

// An providerRun is tasks that a provider treats as their logins say.
type providerRun struct {
	*Operator
	trials []trial
}

// A trial is one task of an ordeal.
type trial struct {
	misbehaviour
	code, country, login string
	used                 bool // the key is, so it is a renew
}

// providerRunFlags make quick what is long by default. What a provider answers at once must not take as long
// as a time-out, however many tasks there are.
func providerRunFlags() []string {
	return []string{
		"--task-attempts", "3", "--connector-timeout", fmt.Sprintf("%ds", Scaled(1, 3)), "--task-deadline", "3s",
		"--workers", fmt.Sprint(Scaled(64, 512)), "--log-level", "info",
	}
}

// TestProviderMisbehaves has every manner, for many keys at once. Each task must end as it should, with
// nothing done twice and every slot where it belongs.
func TestProviderMisbehaves(t *testing.T) {
	each := Scaled(1, 200)
	ForEachDatabase(t, func(s *Shop) {
		var all []trial
		var plans []string
		for i, a := range misbehaviours {
			plans = append(plans, fmt.Sprintf("p%d,%s,%d,,", i, Countries[i], each))
			for n := range each {
				all = append(all, trial{misbehaviour: a, code: fmt.Sprintf("K%d-%d", i, n), country: Countries[i]})
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
		Report(s, len(all), o.countFaults(), "manners", len(misbehaviours))
	})
}

// runTrials brings the keys in, accepts all tasks at once, waits for their ends and looks at each.
func runTrials(s *Shop, all []trial) *providerRun {
	s.Helper()
	rows := []string{"code,used"}
	for i, t := range all {
		all[i].login = t.script + "@" + t.code + ".example.com"
		rows = append(rows, fmt.Sprintf("%s,%v", t.code, map[bool]string{true: "1"}[t.used]))
	}
	s.ImportKeys(rows...)
	s.Provider.Hook = fillDate
	admin, _ := s.ServeAdmin(providerRunFlags()...)
	o := &providerRun{admin, all}
	o.forEachTrial(func(t trial) { o.MustAccept(t.form()) })
	o.waitEnds()
	o.forEachTrial(func(t trial) {
		if fault := t.fault(o.Info(t.code)); fault != "" {
			o.Errorf("%s: %s", t.login, fault)
		}
	})
	s.CheckProvider()
	s.CheckDoctor()
	return o
}

// fillDate replaces what can only be said at the time.
func fillDate(q connectortest.Request) string {
	local, _, _ := strings.Cut(q.Content.Account.Login.Reveal(), "@")
	if !strings.Contains(local, "DATE") {
		return ""
	}
	return strings.ReplaceAll(local, "DATE", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat))
}

func (t trial) form() string {
	if t.used {
		return Renew(t.code, t.login)
	}
	return Upgrade(t.code, t.login, t.country)
}

// fault says how what a key shows differs from what it should.
func (t trial) fault(k KeyInfo) string {
	status, message := "failed_upgrade", Messages[t.outcome]
	switch success := t.outcome == "success"; {
	case success && t.used:
		status, message = "success_renew", "Key Renewed"
	case success:
		status = "success"
	case t.used:
		status = "failed"
	}
	if k.Status != status || k.Message != message {
		return "info shows " + k.Body
	}
	return ""
}

// slotFault says how a plan's slots differ from what they should be; those not named are free.
func slotFault(p Plan, want map[string]int) string {
	want["free"] = p.Slots - want["spent"] - want["suspect"]
	if p.Free != want["free"] || p.Spent != want["spent"] || p.Suspect != want["suspect"] || p.Held != 0 {
		return fmt.Sprintf("the slots should be %v: %+v", want, p)
	}
	return ""
}

// forEachTrial has sixteen clients take the trials in turn.
func (o *providerRun) forEachTrial(do func(t trial)) {
	var group sync.WaitGroup
	for part := range slices.Chunk(o.trials, (len(o.trials)+15)/16) {
		group.Go(func() {
			for _, t := range part {
				do(t)
			}
		})
	}
	group.Wait()
}

// waitEnds waits for all tasks. What a provider wants asked again in a day, which counts as two
// minutes, an operator asks sooner.
func (o *providerRun) waitEnds() {
	o.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		open := o.Tasks("--state", "open")
		if len(open) == 0 {
			return
		}
		if time.Now().After(end) {
			o.Fatalf("%d tasks do not end: %+v", len(open), open[0])
		}
		for _, t := range open {
			if t.Leased == nil && t.Due != nil && time.Until(*t.Due) > time.Minute {
				o.Call(http.MethodPost, "/tasks/"+t.ID+"/retry", "")
			}
		}
	}
}

// countFaults is how often the provider did not do at once what it was asked.
func (o *providerRun) countFaults() (n int) {
	for _, r := range o.Provider.Requests() {
		login := r.Content.Account.Login.Reveal()
		local, _, _ := strings.Cut(login, "@")
		again := strings.HasSuffix(local, "+success") && r.Content.Attempt > 1
		if local != "success" && !again {
			n++
		}
	}
	return n
}
