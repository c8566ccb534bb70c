package blackbox_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// poisonLease is long: a poisoned task that sinks its neighbours sinks them for as long.
const poisonLease = 30 * time.Second

// TestPoisonedTasks holds that a task which cannot be carried out, for any reason, ends as it should and keeps
// no other from its end: one whose secret is garbled, was sealed with an unknown key, or was swapped
// with another's, one that makes the connector panic, one with an answer that is far too long.
func TestPoisonedTasks(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		p := newPoisonedShop(s, Scaled(100, 1000))
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
		Report(s.T, len(p.Tasks()), bad, "good", len(p.poisonOf)-bad, "slowest-good", took.Round(time.Millisecond))
	})
}

// A poison is what is wrong with a task.
type poison string

// The venoms.
const (
	good        poison = "good"
	swappedBack poison = "mended" // swapped and swapped back
	garbled     poison = "garbled"
	unknown     poison = "unknown" // the id of the master key
	swapped     poison = "swapped"
	panics      poison = "panics"
	huge        poison = "huge"
)

// poisons are those of any ten poisoned tasks, and of two that are none.
var poisons = []poison{garbled, unknown, swapped, swapped, panics, huge, garbled, unknown, panics, huge, swappedBack, swappedBack}

// poisonedShop is a shop with so many tasks, one in ten of them poisoned.
type poisonedShop struct {
	*Shop
	poisonOf map[string]poison // by key
	codes    []string
}

func newPoisonedShop(s *Shop, n int) *poisonedShop {
	p := &poisonedShop{Shop: s, poisonOf: map[string]poison{}}
	s.Program = FaultInjectingProgram(s.T)
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

func (p *poisonedShop) serveWith(lease time.Duration, flags ...string) *Daemon {
	p.Helper()
	return p.Serve(append([]string{"--lease", lease.String(), "--task-attempts", "4", "--task-deadline", "10s"}, flags...)...)
}

// acceptAll has all tasks accepted by a daemon that is busy with another.
func (p *poisonedShop) acceptAll() *Daemon {
	p.Helper()
	d := p.serveWith(time.Second, "--workers", "1", "--connector-timeout", "1h")
	d.MustAccept(Upgrade("blocker", "silent+success@example.com", "US"))
	p.Eventually("the provider is asked", func() bool { return len(p.Provider.Requests()) == 1 })
	got := sendSimultaneously([]*Daemon{d}, len(p.codes), func(i int) string {
		return Upgrade(p.codes[i], p.login(p.codes[i]), "US")
	})
	if got[UpgradeSent] != len(p.codes) {
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

// keysWith lists the keys whose tasks have that venom.
func (p *poisonedShop) keysWith(v poison) (codes []string) {
	for _, code := range p.codes {
		if p.poisonOf[code] == v {
			codes = append(codes, code)
		}
	}
	return codes
}

// corruptSecrets does by hand what is wrong with the secrets.
func (p *poisonedShop) corruptSecrets() {
	p.Helper()
	d := p.OpenDatabase()
	for _, code := range p.keysWith(garbled) {
		d.setSealed(code, flipBit(d.sealedSecret(code), -1))
	}
	for _, code := range p.keysWith(unknown) {
		d.setSealed(code, flipBit(d.sealedSecret(code), 1)) // the id follows the version
	}
	d.swapSecrets(p.keysWith(swapped))
	d.swapSecrets(p.keysWith(swappedBack))
	d.swapSecrets(p.keysWith(swappedBack))
}

// flipBit is the bytes with a bit of one turned, which is counted from the end if negative.
func flipBit(sealed []byte, at int) []byte {
	sealed = bytes.Clone(sealed)
	sealed[(at+len(sealed))%len(sealed)] ^= 1
	return sealed
}

func (d *Database) swapSecrets(codes []string) {
	d.Helper()
	for i := 0; i+1 < len(codes); i += 2 {
		one, two := d.sealedSecret(codes[i]), d.sealedSecret(codes[i+1])
		d.setSealed(codes[i], two)
		d.setSealed(codes[i+1], one)
	}
}

// sealedSecret reads the secret of a key's task.
func (d *Database) sealedSecret(code string) (sealed []byte) {
	d.Helper()
	const query = `SELECT sealed FROM keyseat_tasks WHERE ended_at IS NULL AND code = '%s'`
	if err := d.DB.QueryRowContext(d.Context(), fmt.Sprintf(query, code)).Scan(&sealed); err != nil {
		d.Fatalf("%s: %v", code, err)
	}
	return sealed
}

// setSealed puts another in its place.
func (d *Database) setSealed(code string, sealed []byte) {
	d.Helper()
	literal := fmt.Sprintf(`'\x%x'`, sealed)
	if d.IsSQLite() {
		literal = fmt.Sprintf(`X'%x'`, sealed)
	}
	d.Edit(fmt.Sprintf(`UPDATE keyseat_tasks SET sealed = %s WHERE code = '%s'`, literal, code))
}

// open counts the open tasks with any of those venoms, or all.
func (p *poisonedShop) open(of ...poison) (n int) {
	p.Helper()
	for _, t := range p.Tasks("--state", "open") {
		if len(of) == 0 || slices.Contains(of, p.poisonOf[t.Code]) {
			n++
		}
	}
	return n
}

// checkEnds holds each task to how it must have ended, and counts the poisoned ones.
func (p *poisonedShop) checkEnds() (bad int) {
	p.Helper()
	asked := map[string]bool{} // logins
	for _, r := range p.Provider.Requests() {
		asked[r.Content.Account.Login.Reveal()] = true
	}
	all := p.Tasks()
	if len(all) != len(p.codes)+1 { // the blocker is the one more
		p.Errorf("of %d tasks %d are left", len(p.codes)+1, len(all))
	}
	for _, t := range all {
		v := p.poisonOf[t.Code]
		if fault := v.fault(t, asked[p.login(t.Code)]); v != "" && fault != "" {
			p.Error(fault)
		}
		if v != good && v != swappedBack && v != "" {
			bad++
		}
	}
	return bad
}

// fault says what is wrong with the end of a task.
func (v poison) fault(t Task, asked bool) string {
	outcome, slot, ask := "system_error", "free", false
	switch v {
	case good, swappedBack:
		outcome, slot, ask = "success", "spent", true
	case panics:
		slot = "suspect" // it may have had an effect, for all the daemon knows
	case huge:
		slot, ask = "suspect", true
	case garbled, unknown, swapped:
	}
	if t.Outcome != outcome || t.Slot != slot || asked != ask {
		return fmt.Sprintf("a task that is %s has ended as %+v, asked: %t", v, t, asked)
	}
	return ""
}

// expectNoLogin holds that no log tells a login, not even one that a panic was about.
func (p *poisonedShop) expectNoLogin(all ...*Daemon) {
	p.Helper()
	for _, d := range all {
		if strings.Contains(d.Logs.String(), "canary.example.com") {
			p.Error("a log tells a login")
		}
	}
	if !strings.Contains(all[1].Logs.String(), "the connector panicked with a string") {
		p.Error("no log tells of a panic")
	}
}

// TestPoisonCheckerFindsFaults holds that a task which ends otherwise than it must is found.
func TestPoisonCheckerFindsFaults(t *testing.T) {
	for _, c := range []struct {
		poison
		Task
		asked bool
	}{
		{good, Task{Outcome: "system_error", Slot: "free"}, true},
		{good, Task{Outcome: "", Slot: "held", State: "open"}, false},
		{swappedBack, Task{Outcome: "system_error", Slot: "free"}, false},
		{garbled, Task{Outcome: "success", Slot: "spent"}, true},
		{swapped, Task{Outcome: "system_error", Slot: "free"}, true},
		{panics, Task{Outcome: "system_error", Slot: "free"}, false},
		{huge, Task{Outcome: "system_error", Slot: "free"}, true},
	} {
		if c.fault(c.Task, c.asked) == "" {
			t.Errorf("nothing is wrong with %+v", c)
		}
	}
}
