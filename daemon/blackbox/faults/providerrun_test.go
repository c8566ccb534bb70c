package faults_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A providerRun is tasks that the provider treats as their logins say.
type providerRun struct {
	*harness.Operator
	trials []trial
}

// A trial is one task of a [providerRun].
type trial struct {
	misbehaviour
	code, country, login string
	used                 bool // the key is used, so the task is a renew
}

// providerRunFlags shorten times that are long by default. A timeout must be longer than an immediate response takes
// under this load.
func providerRunFlags() []string {
	return []string{
		"--task-attempts", "3", "--connector-timeout", fmt.Sprintf("%ds", harness.Scaled(1, 3)), "--task-deadline", "3s",
		"--workers", fmt.Sprint(harness.Scaled(64, 512)), "--log-level", "info",
	}
}

// runTrials imports the keys, submits all tasks, waits for their ends and checks each of them.
func runTrials(s *harness.Shop, all []trial) *providerRun {
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

// fillDate replaces DATE in a login.
func fillDate(q connectortest.Request) string {
	local, _, _ := strings.Cut(q.Content.Account.Login.Reveal(), "@")
	if !strings.Contains(local, "DATE") {
		return ""
	}
	return strings.ReplaceAll(local, "DATE", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat))
}

func (t trial) form() string {
	if t.used {
		return harness.Renew(t.code, t.login)
	}
	return harness.Upgrade(t.code, t.login, t.country)
}

// fault returns what is wrong with the info of a key.
func (t trial) fault(k harness.KeyInfo) string {
	status, message := "failed_upgrade", harness.Messages[t.outcome]
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

// slotFault returns what is wrong with the slots of a plan. Slots that want does not name are free.
func slotFault(p harness.Plan, want map[string]int) string {
	want["free"] = p.Slots - want["spent"] - want["suspect"]
	if p.Free+p.Idle != want["free"] || p.Spent != want["spent"] || p.Suspect != want["suspect"] || p.Held != 0 {
		return fmt.Sprintf("the slots should be %v: %+v", want, p)
	}
	return ""
}

// forEachTrial calls do for all trials, with sixteen clients.
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

// waitEnds waits for the ends of all tasks. If the provider asks for a day, which counts as two minutes, an operator
// ends the pause.
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

// countFaults counts the requests that the provider did not carry out immediately.
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
