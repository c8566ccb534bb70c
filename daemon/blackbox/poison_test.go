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

// TestPoison holds that a task which cannot be carried out, for any reason, ends as it should and keeps
// no other from its end: one whose secret is garbled, was sealed with an unknown key, or was swapped
// with another's, one that makes the connector panic, one with an answer that is far too long.
func TestPoison(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		p := newPoison(s, figure(100, 1000))
		first := p.accept()
		first.kill()
		p.spoil()
		start := time.Now()
		d := p.begin(poisonLease)
		p.until("the good ones end", func() bool { return p.open(good, mended) == 0 })
		took := time.Since(start)
		if took > poisonLease {
			s.Errorf("the good ones were held up for %s", took)
		}
		p.until("all end", func() bool { return p.open() == 0 })
		bad := p.judged()
		d.stop()
		p.keepsQuiet(first, d)
		s.agrees()
		s.well()
		tried(s.T, len(p.tasks()), bad, "good", len(p.venom)-bad, "slowest-good", took.Round(time.Millisecond))
	})
}

// A venom is what is wrong with a task.
type venom string

// The venoms.
const (
	good    venom = "good"
	mended  venom = "mended" // swapped and swapped back
	garbled venom = "garbled"
	unknown venom = "unknown" // the id of the master key
	swapped venom = "swapped"
	panics  venom = "panics"
	huge    venom = "huge"
)

// venoms are those of any ten poisoned tasks, and of two that are none.
var venoms = []venom{garbled, unknown, swapped, swapped, panics, huge, garbled, unknown, panics, huge, mended, mended}

// poison is a shop with so many tasks, one in ten of them poisoned.
type poison struct {
	*shop
	venom map[string]venom // by key
	codes []string
}

func newPoison(s *shop, n int) *poison {
	p := &poison{shop: s, venom: map[string]venom{}}
	s.program = crashing(s.T)
	for i := range n {
		code := fmt.Sprint("K", i)
		p.codes, p.venom[code] = append(p.codes, code), good
		if place := i % 100; place%8 == 3 && place/8 < len(venoms) {
			p.venom[code] = venoms[place/8]
		}
	}
	s.fresh(append(p.codes, "blocker")...)
	s.importPlans(fmt.Sprintf("p,US,%d,,", n+1))
	return p
}

func (p *poison) begin(lease time.Duration, flags ...string) *daemon {
	p.Helper()
	return p.serve(append([]string{"--lease", lease.String(), "--task-attempts", "4", "--task-deadline", "10s"}, flags...)...)
}

// accept has all tasks accepted by a daemon that is busy with another.
func (p *poison) accept() *daemon {
	p.Helper()
	d := p.begin(time.Second, "--workers", "1", "--connector-timeout", "1h")
	d.accepted(upgrade("blocker", "silent+success@example.com", "US"))
	p.until("the provider is asked", func() bool { return len(p.provider.Requests()) == 1 })
	got := atOnce([]*daemon{d}, len(p.codes), func(i int) string {
		return upgrade(p.codes[i], p.login(p.codes[i]), "US")
	})
	if got[upgradeSent] != len(p.codes) {
		p.Fatalf("answers: %v", got)
	}
	return d
}

func (p *poison) login(code string) string {
	script := "slow=20+success"
	switch p.venom[code] {
	case panics, huge:
		script = string(p.venom[code])
	case good, mended, garbled, unknown, swapped:
	}
	return script + "@" + code + ".canary.example.com"
}

// of lists the keys whose tasks have that venom.
func (p *poison) of(v venom) (codes []string) {
	for _, code := range p.codes {
		if p.venom[code] == v {
			codes = append(codes, code)
		}
	}
	return codes
}

// spoil does by hand what is wrong with the secrets.
func (p *poison) spoil() {
	p.Helper()
	d := p.operate()
	for _, code := range p.of(garbled) {
		d.seal(code, turned(d.sealed(code), -1))
	}
	for _, code := range p.of(unknown) {
		d.seal(code, turned(d.sealed(code), 1)) // the id follows the version
	}
	d.swap(p.of(swapped))
	d.swap(p.of(mended))
	d.swap(p.of(mended))
}

// turned is the bytes with a bit of one turned, which is counted from the end if negative.
func turned(sealed []byte, at int) []byte {
	sealed = bytes.Clone(sealed)
	sealed[(at+len(sealed))%len(sealed)] ^= 1
	return sealed
}

func (d *surgery) swap(codes []string) {
	d.Helper()
	for i := 0; i+1 < len(codes); i += 2 {
		one, two := d.sealed(codes[i]), d.sealed(codes[i+1])
		d.seal(codes[i], two)
		d.seal(codes[i+1], one)
	}
}

// sealed reads the secret of a key's task.
func (d *surgery) sealed(code string) (sealed []byte) {
	d.Helper()
	const query = `SELECT sealed FROM keyseat_tasks WHERE ended_at IS NULL AND code = '%s'`
	if err := d.db.QueryRowContext(d.Context(), fmt.Sprintf(query, code)).Scan(&sealed); err != nil {
		d.Fatalf("%s: %v", code, err)
	}
	return sealed
}

// seal puts another in its place.
func (d *surgery) seal(code string, sealed []byte) {
	d.Helper()
	literal := fmt.Sprintf(`'\x%x'`, sealed)
	if d.embedded() {
		literal = fmt.Sprintf(`X'%x'`, sealed)
	}
	d.do(fmt.Sprintf(`UPDATE keyseat_tasks SET sealed = %s WHERE code = '%s'`, literal, code))
}

// open counts the open tasks with any of those venoms, or all.
func (p *poison) open(of ...venom) (n int) {
	p.Helper()
	for _, t := range p.tasks("--state", "open") {
		if len(of) == 0 || slices.Contains(of, p.venom[t.Code]) {
			n++
		}
	}
	return n
}

// judged holds each task to how it must have ended, and counts the poisoned ones.
func (p *poison) judged() (bad int) {
	p.Helper()
	asked := map[string]bool{} // logins
	for _, r := range p.provider.Requests() {
		asked[r.Order.Account.Login.Reveal()] = true
	}
	all := p.tasks()
	if len(all) != len(p.codes)+1 { // the blocker is the one more
		p.Errorf("of %d tasks %d are left", len(p.codes)+1, len(all))
	}
	for _, t := range all {
		v := p.venom[t.Code]
		if fault := v.fault(t, asked[p.login(t.Code)]); v != "" && fault != "" {
			p.Error(fault)
		}
		if v != good && v != mended && v != "" {
			bad++
		}
	}
	return bad
}

// fault says what is wrong with the end of a task.
func (v venom) fault(t task, asked bool) string {
	outcome, slot, ask := "system_error", "free", false
	switch v {
	case good, mended:
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

// keepsQuiet holds that no log tells a login, not even one that a panic was about.
func (p *poison) keepsQuiet(all ...*daemon) {
	p.Helper()
	for _, d := range all {
		if strings.Contains(d.log.String(), "canary.example.com") {
			p.Error("a log tells a login")
		}
	}
	if !strings.Contains(all[1].log.String(), "the connector panicked with a string") {
		p.Error("no log tells of a panic")
	}
}

// TestPoisonIsChecked holds that a task which ends otherwise than it must is found.
func TestPoisonIsChecked(t *testing.T) {
	for _, c := range []struct {
		venom
		task
		asked bool
	}{
		{good, task{Outcome: "system_error", Slot: "free"}, true},
		{good, task{Outcome: "", Slot: "held", State: "open"}, false},
		{mended, task{Outcome: "system_error", Slot: "free"}, false},
		{garbled, task{Outcome: "success", Slot: "spent"}, true},
		{swapped, task{Outcome: "system_error", Slot: "free"}, true},
		{panics, task{Outcome: "system_error", Slot: "free"}, false},
		{huge, task{Outcome: "system_error", Slot: "free"}, true},
	} {
		if c.fault(c.task, c.asked) == "" {
			t.Errorf("nothing is wrong with %+v", c)
		}
	}
}
