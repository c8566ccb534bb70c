package faults_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// poisonLease is long. If a poisoned task delays others, it delays them for that time.
const poisonLease = 30 * time.Second

// TestPoisonedTasks has tasks that cannot be carried out. Their secrets are corrupted, sealed with an unknown master
// key or swapped, the connector panics, or a response is far too long. Each task gets the documented outcome, and
// delays no other task.
func TestPoisonedTasks(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		p := newPoisonedShop(s, harness.Scaled(100, 1000))
		first := p.acceptAll()
		first.Kill()
		p.corruptSecrets()
		start := time.Now()
		d := p.serveWith(poisonLease)
		p.Eventually("the good ones end", func() bool { return p.open(good, swappedBack) == 0 })
		took := time.Since(start)
		if took > poisonLease {
			s.Errorf("the good ones were held up for %s", took)
		}
		p.Eventually("all end", func() bool { return p.open() == 0 })
		bad := p.checkEnds()
		d.Stop()
		p.expectNoLogin(first, d)
		s.CheckProvider()
		s.CheckDoctor()
		harness.Report(s.T, len(p.Tasks()), bad, "good", len(p.poisonOf)-bad, "slowest-good", took.Round(time.Millisecond))
	})
}

// A poison is a reason why a task cannot be carried out.
type poison string

// The poisons.
const (
	good        poison = "good"
	swappedBack poison = "swapped back" // swapped twice
	garbled     poison = "garbled"
	unknown     poison = "unknown" // the id of the master key
	swapped     poison = "swapped"
	panics      poison = "panics"
	huge        poison = "huge"
)

// poisons has the poisons of ten poisoned tasks, and of two tasks whose secrets are swapped twice.
var poisons = []poison{garbled, unknown, swapped, swapped, panics, huge, garbled, unknown, panics, huge, swappedBack, swappedBack}

// A poisonedShop has tasks of which one in ten is poisoned.
type poisonedShop struct {
	*harness.Shop
	poisonOf map[string]poison // by key
	codes    []string
}

func newPoisonedShop(s *harness.Shop, n int) *poisonedShop {
	p := &poisonedShop{Shop: s, poisonOf: map[string]poison{}}
	s.Program = harness.FaultInjectingProgram(s.T)
	for i := range n {
		code := fmt.Sprint("K", i)
		p.codes, p.poisonOf[code] = append(p.codes, code), good
		if place := i % 100; place%8 == 3 && place/8 < len(poisons) {
			p.poisonOf[code] = poisons[place/8]
		}
	}
	s.AddKeys(append(p.codes, "blocker")...)
	s.ImportPlans(fmt.Sprintf("p,US,%d,,", n+1))
	return p
}

func (p *poisonedShop) serveWith(lease time.Duration, flags ...string) *harness.Daemon {
	p.Helper()
	return p.Serve(append([]string{"--lease", lease.String(), "--task-attempts", "4", "--task-deadline", "10s"}, flags...)...)
}

// acceptAll has all tasks accepted by a daemon that is busy with another one.
func (p *poisonedShop) acceptAll() *harness.Daemon {
	p.Helper()
	d := p.serveWith(time.Second, "--workers", "1", "--connector-timeout", "1h")
	d.MustAccept(harness.Upgrade("blocker", "silent+success@example.com", "US"))
	p.Eventually("the provider is called", func() bool { return len(p.Provider.Requests()) == 1 })
	got := sendSimultaneously([]*harness.Daemon{d}, len(p.codes), func(i int) string {
		return harness.Upgrade(p.codes[i], p.login(p.codes[i]), "US")
	})
	if got[harness.UpgradeSent] != len(p.codes) {
		p.Fatalf("answers: %v", got)
	}
	return d
}

func (p *poisonedShop) login(code string) string {
	script := "slow=20+success"
	switch p.poisonOf[code] {
	case panics, huge:
		script = string(p.poisonOf[code])
	case good, swappedBack, garbled, unknown, swapped:
	}
	return script + "@" + code + ".canary.example.com"
}

// keysWith returns the keys whose tasks have a poison.
func (p *poisonedShop) keysWith(v poison) (codes []string) {
	for _, code := range p.codes {
		if p.poisonOf[code] == v {
			codes = append(codes, code)
		}
	}
	return codes
}

// corruptSecrets corrupts the stored accounts of the poisoned tasks.
func (p *poisonedShop) corruptSecrets() {
	p.Helper()
	d := p.OpenDatabase()
	for _, code := range p.keysWith(garbled) {
		setSealed(d, code, flipBit(sealedSecret(d, code), -1))
	}
	for _, code := range p.keysWith(unknown) {
		setSealed(d, code, flipBit(sealedSecret(d, code), 1)) // the id follows the version
	}
	swapSecrets(d, p.keysWith(swapped))
	swapSecrets(d, p.keysWith(swappedBack))
	swapSecrets(d, p.keysWith(swappedBack))
}

// flipBit returns the bytes with one flipped bit. A negative index counts from the end.
func flipBit(sealed []byte, at int) []byte {
	sealed = bytes.Clone(sealed)
	sealed[(at+len(sealed))%len(sealed)] ^= 1
	return sealed
}

func swapSecrets(d *harness.Database, codes []string) {
	d.Helper()
	for i := 0; i+1 < len(codes); i += 2 {
		one, two := sealedSecret(d, codes[i]), sealedSecret(d, codes[i+1])
		setSealed(d, codes[i], two)
		setSealed(d, codes[i+1], one)
	}
}

// sealedSecret reads the secret of a key's task.
func sealedSecret(d *harness.Database, code string) (sealed []byte) {
	d.Helper()
	const query = `SELECT sealed FROM keyseat_tasks WHERE ended_at IS NULL AND code = '%s'`
	if err := d.DB.QueryRowContext(d.Context(), fmt.Sprintf(query, code)).Scan(&sealed); err != nil {
		d.Fatalf("%s: %v", code, err)
	}
	return sealed
}

// setSealed replaces the secret of a key's task.
func setSealed(d *harness.Database, code string, sealed []byte) {
	d.Helper()
	literal := fmt.Sprintf(`'\x%x'`, sealed)
	if d.IsSQLite() {
		literal = fmt.Sprintf(`X'%x'`, sealed)
	}
	d.Edit(fmt.Sprintf(`UPDATE keyseat_tasks SET sealed = %s WHERE code = '%s'`, literal, code))
}

// open counts the open tasks with one of the poisons. Without a poison, it counts all open tasks.
func (p *poisonedShop) open(of ...poison) (n int) {
	p.Helper()
	for _, t := range p.Tasks("--state", "open") {
		if len(of) == 0 || slices.Contains(of, p.poisonOf[t.Code]) {
			n++
		}
	}
	return n
}

// checkEnds checks the end of each task, and counts the poisoned ones.
func (p *poisonedShop) checkEnds() (bad int) {
	p.Helper()
	sent := map[string]bool{} // logins
	for _, r := range p.Provider.Requests() {
		sent[r.Content.Account.Login.Reveal()] = true
	}
	all := p.Tasks()
	if len(all) != len(p.codes)+1 { // one more for the blocker
		p.Errorf("of %d tasks %d are left", len(p.codes)+1, len(all))
	}
	for _, t := range all {
		v := p.poisonOf[t.Code]
		if fault := v.fault(t, sent[p.login(t.Code)]); v != "" && fault != "" {
			p.Error(fault)
		}
		if v != good && v != swappedBack && v != "" {
			bad++
		}
	}
	return bad
}

// fault returns what is wrong with the end of a task.
func (v poison) fault(t harness.Task, sent bool) string {
	outcome, slot, send := "system_error", "free", false
	switch v {
	case good, swappedBack:
		outcome, slot, send = "success", "spent", true
	case panics:
		slot = "suspect" // the daemon cannot exclude an effect
	case huge:
		slot, send = "suspect", true
	case garbled, unknown, swapped:
	}
	if t.Outcome != outcome || t.Slot != slot || sent != send {
		return fmt.Sprintf("a task that is %s has ended as %+v, sent: %t", v, t, sent)
	}
	return ""
}

// expectNoLogin checks that no log contains a login, also not after a panic whose message has one.
func (p *poisonedShop) expectNoLogin(all ...*harness.Daemon) {
	p.Helper()
	for _, d := range all {
		if strings.Contains(d.Logs.String(), "canary.example.com") {
			p.Error("a log contains a login")
		}
	}
	if !strings.Contains(all[1].Logs.String(), "the connector panicked with a string") {
		p.Error("no log has the panic")
	}
}

// TestPoisonCheckerFindsFaults checks that the check of [TestPoisonedTasks] finds a wrong end of a task.
func TestPoisonCheckerFindsFaults(t *testing.T) {
	for _, c := range []struct {
		poison
		harness.Task
		sent bool
	}{
		{good, harness.Task{Outcome: "system_error", Slot: "free"}, true},
		{good, harness.Task{Outcome: "", Slot: "held", State: "open"}, false},
		{swappedBack, harness.Task{Outcome: "system_error", Slot: "free"}, false},
		{garbled, harness.Task{Outcome: "success", Slot: "spent"}, true},
		{swapped, harness.Task{Outcome: "system_error", Slot: "free"}, true},
		{panics, harness.Task{Outcome: "system_error", Slot: "free"}, false},
		{huge, harness.Task{Outcome: "system_error", Slot: "free"}, true},
	} {
		if c.fault(c.Task, c.sent) == "" {
			t.Errorf("nothing is wrong with %+v", c)
		}
	}
}
