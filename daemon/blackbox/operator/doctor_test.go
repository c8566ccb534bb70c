package operator_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A finding is an entry in the output of doctor.
type finding struct {
	Code, Key, Task, Plan, Country, Found, Means, Repair, Decide, Done string
}

// repairAudit matches the audit line of a repair.
var repairAudit = regexp.MustCompile(`^\S+\tINFO\tcommand\t\{"action": "doctor --repair", "actor": "[^"]+@\S+ \(CLI\)", "count": \d+\}\n$`)

// doctor returns the findings, and checks that the exit status matches them.
func doctor(s *harness.Shop, flags ...string) []finding {
	s.Helper()
	r := s.Exec(append([]string{"doctor", "--output", "json"}, flags...)...)
	var all []finding
	if err := json.Unmarshal([]byte(r.Out), &all); err != nil {
		s.Fatalf("doctor: %v\n%s%s", err, r.Out, r.Err)
	}
	left := slices.ContainsFunc(all, func(f finding) bool { return f.Done == "" })
	var remarks []string // without the warnings of settings that are not durable
	audited := false
	for line := range strings.Lines(r.Err) {
		switch {
		case repairAudit.MatchString(line):
			audited = true
		case !strings.Contains(line, harness.NotDurable):
			remarks = append(remarks, line)
		}
	}
	if repaired := slices.ContainsFunc(all, func(f finding) bool { return f.Done != "" }); audited != repaired {
		s.Errorf("doctor: repaired %t, audited %t: %s", repaired, audited, r.Err)
	}
	if left != (r.Code == 1) || left != (len(remarks) > 0) || r.Code > 1 {
		s.Errorf("doctor: status %d, %s%s", r.Code, r.Err, r.Out)
	}
	for _, f := range all {
		if f.Found == "" || f.Means == "" || f.Repair+f.Decide == "" || f.Key+f.Plan+f.Country == "" {
			s.Errorf("an operator cannot act on %+v", f)
		}
	}
	return all
}

// findingCodes returns the codes of findings that are repaired, or that are left, sorted and without repetitions.
func findingCodes(all []finding, done bool) string {
	var codes []string
	for _, f := range all {
		if (f.Done != "") == done {
			codes = append(codes, f.Code)
		}
	}
	slices.Sort(codes)
	return strings.Join(slices.Compact(codes), " ")
}

// newShopWithHistory fills a shop. Six slots of plan p are spent, one is suspect, and five are held.
func newShopWithHistory(s *harness.Shop) {
	s.Helper()
	s.AddKeys("done", "renewed", "failed", "again", "gone", "lost", "doubt", "new1", "new2", "abroad", "open1", "open2", "open3", "open4", "open5")
	s.ImportPlans("p,US,20,1 Street,", "q,DE,3,,")
	d := s.Serve("--task-attempts", "1", "--master-key-file", filepath.Join(s.Folder, "keys"))
	do := func(form, code, status string) {
		s.Helper()
		d.MustAccept(form)
		if k := d.WaitEnd(code); k.Status != status {
			s.Errorf("%s has become %s", code, k.Body)
		}
	}
	for _, code := range []string{"done", "gone", "again", "renewed"} {
		do(harness.Upgrade(code, "success@"+code+".example.com", "US"), code, "success")
	}
	do(harness.Upgrade("abroad", "success@abroad.example.com", "DE"), "abroad", "success")
	do(harness.Upgrade("failed", "wrong_address@example.com", "US"), "failed", "failed_upgrade")
	do(harness.Upgrade("doubt", "500@example.com", "US"), "doubt", "failed_upgrade")
	do(harness.Renew("renewed", "success@renew.example.com"), "renewed", "success_renew")
	do(harness.Renew("again", "success@again.renew.example.com"), "again", "success_renew")
	do(harness.Upgrade("again", "success@again2.example.com", "US"), "again", "success")
	do(harness.Upgrade("lost", "success@lost.example.com", "US"), "lost", "success")
	for n := range 5 {
		d.MustAccept(harness.Upgrade(fmt.Sprint("open", n+1), harness.PendingLogin, "US"))
	}
	s.Eventually("each has an attempt", func() bool {
		return !slices.ContainsFunc(s.Tasks("--state", "open"), func(t harness.Task) bool { return t.Attempts == 0 })
	})
	d.Stop()
}

// TestDoctorFindsAndRepairs checks that the doctor finds each corruption, changes nothing without --repair, and repairs
// only what it has announced. Afterwards the shop works.
func TestDoctorFindsAndRepairs(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		keyFile := filepath.Join(s.Folder, "keys")
		s.MustExec("master-key", "add", keyFile)
		newShopWithHistory(s)
		if out := s.MustExec("doctor", "--master-key-file", keyFile); out != "nothing is wrong\n" {
			s.Fatalf("found in a healthy shop:\n%s", out)
		}
		if out := s.MustExec("doctor", "--repair"); out != "nothing is wrong\n" {
			s.Fatalf("repaired in a healthy shop:\n%s", out)
		}
		d := s.OpenDatabase()
		known := []finding{}
		for _, p := range corruptions {
			known = checkCorruption(d, p, known, "--master-key-file="+keyFile)
		}
		resolveRest(d, "--master-key-file="+keyFile)
	})
}

// checkCorruption makes one corruption, and checks the findings of the doctor. It gets the findings before the
// corruption, and returns those afterwards. The first examination must change nothing, or the second one would find
// less.
func checkCorruption(d *harness.Database, p corruption, before []finding, flag string) (after []finding) {
	d.Helper()
	d.Edit(p.sql)
	text := d.Exec("doctor", flag).Out
	found := doctor(d.Shop, flag)
	if got := findingCodes(without(found, before), false); got != p.found {
		d.Errorf("%s: found %q, not %q", p.name, got, p.found)
	}
	if strings.Count(text, "  found:") != len(found) || strings.Count(text, "  means:") != len(found) {
		d.Errorf("%s: the text is\n%s", p.name, text)
	}
	repaired := doctor(d.Shop, flag, "--repair")
	left := doctor(d.Shop, flag)
	if got := findingCodes(without(left, before), false); got != p.left {
		d.Errorf("%s: left %q, not %q, after %+v", p.name, got, p.left, repaired)
	}
	if p.found != p.left && findingCodes(repaired, true) == "" {
		d.Errorf("%s: no repair was reported", p.name)
	}
	if p.after == nil && p.undo == "" {
		return left
	}
	if p.after != nil {
		p.after(d)
	}
	if p.undo != "" {
		d.Edit(p.undo)
		doctor(d.Shop, flag, "--repair")
	}
	return doctor(d.Shop, flag)
}

func without(all, some []finding) []finding {
	return slices.DeleteFunc(slices.Clone(all), func(f finding) bool { return slices.Contains(some, f) })
}

// resolveRest resolves the findings that the doctor leaves to the operator. Afterwards the shop must work.
func resolveRest(d *harness.Database, flag string) {
	d.Helper()
	d.AddKeys("gone")
	d.ImportPlans("q,DE,3,,")
	doctor(d.Shop, flag, "--repair")
	if left := findingCodes(doctor(d.Shop, flag), false); left != "plan_tasks task_lost" {
		d.Errorf("left: %s", left)
	}
	for _, t := range d.Tasks("--state", "suspect") {
		d.MustExec("tasks", "resolve", t.ID, "--outcome", "success")
	}
	serving := d.Serve(flag)
	serving.MustAccept(harness.Upgrade("new2", "success@new2.example.com", "DE"))
	serving.ExpectEnd("new2", "success", "")
	serving.MustAccept(harness.Renew("done", "success@done.renew.example.com"))
	serving.ExpectEnd("done", "success_renew", "Key Renewed")
	if k := serving.Info("open2"); k.Status != "success" || k.Used != 1 { // as the operator has resolved it
		d.Errorf("open2 is %s", k.Body)
	}
	serving.Stop()
	if p := d.Plans()["q"]; p.Spent != 2 {
		d.Errorf("%+v has not the two slots that it has sold", p)
	}
	if left := findingCodes(doctor(d.Shop, flag), false); left != "plan_tasks task_lost" {
		d.Errorf("left after work: %s", left)
	}
}

// TestDoctorNeedsItsFiles checks that the doctor fails if the database or the file of master keys is missing.
func TestDoctorNeedsItsFiles(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	if r := s.Exec("doctor"); r.Code != 1 || !strings.Contains(r.Err, "no database") {
		t.Errorf("%+v", r)
	}
	s.ImportPlans("p,US,1,,")
	if r := s.Exec("doctor", "--master-key-file", "nowhere"); r.Code != 1 || r.Out != "" || !strings.Contains(r.Err, "nowhere") {
		t.Errorf("%+v", r)
	}
}
