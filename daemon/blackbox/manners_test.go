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

// An awkward manner is how a provider treats a task, in the words of the fake one, and what then
// becomes of the task and its slot.
type awkward struct {
	words   string // the local part of a login; DATE stands for two seconds from now
	outcome string
	slot    string // free, spent or suspect
}

// awkwards are all of them. Those that end well must have been asked again.
var awkwards = []awkward{
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

// An ordeal is tasks that a provider treats as their logins say.
type ordeal struct {
	*operator
	trials []trial
}

// A trial is one task of an ordeal.
type trial struct {
	awkward
	code, country, login string
	used                 bool // the key is, so it is a renew
}

// ordealFlags make quick what is long by default. What a provider answers at once must not take as long
// as a time-out, however many tasks there are.
func ordealFlags() []string {
	return []string{
		"--task-attempts", "3", "--connector-timeout", fmt.Sprintf("%ds", figure(1, 3)), "--task-deadline", "3s",
		"--workers", fmt.Sprint(figure(64, 512)), "--log-level", "info",
	}
}

// TestAwkwardProvider has every manner, for many keys at once. Each task must end as it should, with
// nothing done twice and every slot where it belongs.
func TestAwkwardProvider(t *testing.T) {
	each := figure(1, 200)
	eachDatabase(t, func(s *shop) {
		var all []trial
		var plans []string
		for i, a := range awkwards {
			plans = append(plans, fmt.Sprintf("p%d,%s,%d,,", i, countries[i], each))
			for n := range each {
				all = append(all, trial{awkward: a, code: fmt.Sprintf("K%d-%d", i, n), country: countries[i]})
			}
		}
		s.importPlans(plans...)
		o := endure(s, all)
		counts := s.plans()
		for i, a := range awkwards {
			if fault := misplaced(counts[fmt.Sprint("p", i)], map[string]int{a.slot: each}); fault != "" {
				s.Errorf("%s: %s", a.words, fault)
			}
		}
		o.stop()
		tried(s, len(all), o.faults(), "manners", len(awkwards))
	})
}

// endure brings the keys in, accepts all tasks at once, waits for their ends and looks at each.
func endure(s *shop, all []trial) *ordeal {
	s.Helper()
	rows := []string{"code,used"}
	for i, t := range all {
		all[i].login = t.words + "@" + t.code + ".example.com"
		rows = append(rows, fmt.Sprintf("%s,%v", t.code, map[bool]string{true: "1"}[t.used]))
	}
	s.importKeys(rows...)
	s.provider.Hook = dated
	admin, _ := s.administered(ordealFlags()...)
	o := &ordeal{admin, all}
	o.each(func(t trial) { o.accepted(t.form()) })
	o.awaitEnds()
	o.each(func(t trial) {
		if fault := t.fault(o.info(t.code)); fault != "" {
			o.Errorf("%s: %s", t.login, fault)
		}
	})
	s.agrees()
	s.well()
	return o
}

// dated replaces what can only be said at the time.
func dated(q connectortest.Request) string {
	local, _, _ := strings.Cut(q.Order.Account.Login.Reveal(), "@")
	if !strings.Contains(local, "DATE") {
		return ""
	}
	return strings.ReplaceAll(local, "DATE", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat))
}

func (t trial) form() string {
	if t.used {
		return renew(t.code, t.login)
	}
	return upgrade(t.code, t.login, t.country)
}

// fault says how what a key shows differs from what it should.
func (t trial) fault(k shown) string {
	status, message := "failed_upgrade", messages[t.outcome]
	switch success := t.outcome == "success"; {
	case success && t.used:
		status, message = "success_renew", "Key Renewed"
	case success:
		status = "success"
	case t.used:
		status = "failed"
	}
	if k.Status != status || k.Message != message {
		return "info shows " + k.body
	}
	return ""
}

// misplaced says how a plan's slots differ from what they should be; those not named are free.
func misplaced(p plan, want map[string]int) string {
	want["free"] = p.Slots - want["spent"] - want["suspect"]
	if p.Free != want["free"] || p.Spent != want["spent"] || p.Suspect != want["suspect"] || p.Held != 0 {
		return fmt.Sprintf("the slots should be %v: %+v", want, p)
	}
	return ""
}

// each has sixteen clients take the trials in turn.
func (o *ordeal) each(do func(t trial)) {
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

// awaitEnds waits for all tasks. What a provider wants asked again in a day, which counts as two
// minutes, an operator asks sooner.
func (o *ordeal) awaitEnds() {
	o.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		open := o.tasks("--state", "open")
		if len(open) == 0 {
			return
		}
		if time.Now().After(end) {
			o.Fatalf("%d tasks do not end: %+v", len(open), open[0])
		}
		for _, t := range open {
			if t.Leased == nil && t.Due != nil && time.Until(*t.Due) > time.Minute {
				o.do(http.MethodPost, "/tasks/"+t.ID+"/retry", "")
			}
		}
	}
}

// faults is how often the provider did not do at once what it was asked.
func (o *ordeal) faults() (n int) {
	for _, r := range o.provider.Requests() {
		login := r.Order.Account.Login.Reveal()
		local, _, _ := strings.Cut(login, "@")
		again := strings.HasSuffix(local, "+success") && r.Order.Attempt > 1
		if local != "success" && !again {
			n++
		}
	}
	return n
}
