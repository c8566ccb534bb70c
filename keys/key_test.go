package keys_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// transitions is the expected table of transitions, written without the one in package keys.
var transitions = []struct {
	move    keys.Transition
	status  keys.Status
	used    string // Used after the transition: "yes", "no" or "unchanged"
	forgets bool
}{
	{"queue", "in_queue", "unchanged", false},
	{"upgraded", "success", "yes", true},
	{"not_upgraded", "failed_upgrade", "no", false},
	{"renewed", "success_renew", "no", true},
	{"not_renewed", "failed", "yes", false},
	{"reset", "active", "no", true},
}

var (
	booleans = []bool{false, true}
	bought   = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	joined   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// everyKey returns a key for each combination of status, used, legacy and revoked, with every field set.
func everyKey() (all []keys.Key) {
	for _, status := range keys.Statuses() {
		for _, used := range booleans {
			for _, legacy := range booleans {
				for _, revoked := range booleans {
					k := keys.Key{
						Code: "CODE", Version: 7, Status: status, Used: used, Revoked: revoked, Message: "before",
						Username: "name", VerifyAddress: "street", OrderID: "order", PurchaseDate: bought, UsedDate: joined,
						Task: "task", NextTaskAt: joined, FailedLogins: 3,
					}
					if legacy {
						k.Invite, k.Address = "invite", "address"
					}
					all = append(all, k)
				}
			}
		}
	}
	return all
}

func TestEveryMoveOfEveryKey(t *testing.T) {
	if len(transitions) != len(keys.Transitions()) {
		t.Fatalf("the table has %d transitions, the package %d", len(transitions), len(keys.Transitions()))
	}
	for _, row := range transitions {
		for _, before := range everyKey() {
			want := before
			want.Status, want.Message = row.status, "after"
			if row.used != "unchanged" {
				want.Used = row.used == "yes"
			}
			if row.forgets {
				want.Username, want.VerifyAddress = "", ""
			}
			if got := before.Apply(row.move, "after"); got != want {
				t.Errorf("%+v\ndoes %s:\n got %+v\nwant %+v", before, row.move, got, want)
			}
		}
	}
}

func TestUnknownMoveChangesNothing(t *testing.T) {
	for _, k := range everyKey() {
		if got := k.Apply("dance", "message"); got != k {
			t.Errorf("%+v became %+v", k, got)
		}
	}
}

func TestNamedSteps(t *testing.T) {
	later := joined.AddDate(1, 0, 0)
	for _, before := range everyKey() {
		want := before.Apply(keys.Queue, "")
		want.Task = "next"
		expect(t, "Enqueue", before, before.Enqueue("next"), want)

		want = before.Apply(keys.Upgraded, "")
		want.UsedDate, want.Username, want.VerifyAddress = later, "new", "road"
		expect(t, "Upgrade", before, before.Upgrade(later, "new", "road"), want)

		want = before
		want.Revoked = true
		expect(t, "Revoke", before, before.Revoke(), want)

		want.Revoked = false
		expect(t, "Restore", before, before.Restore(), want)
		expect(t, "Restore", before, before.Revoke().Restore(), want)

		want = keys.Key{
			Code: "CODE", Version: 7, Status: keys.Active, OrderID: "order",
			PurchaseDate: bought, UsedDate: joined, Task: "task",
		}
		expect(t, "Reset", before, before.Reset(), want)
	}
}

func expect(t *testing.T, step string, before, got, want keys.Key) {
	t.Helper()
	if got != want {
		t.Errorf("%+v\nafter %s:\n got %+v\nwant %+v", before, step, got, want)
	}
}

// TestUsedDate tests that only an upgrade changes the used date of a key.
func TestUsedDate(t *testing.T) {
	for _, k := range everyKey() {
		for _, m := range keys.Transitions() {
			if got := k.Apply(m, "").UsedDate; !got.Equal(joined) {
				t.Errorf("%s changed the date of use to %v", m, got)
			}
		}
	}
}

func TestAgrees(t *testing.T) {
	table := map[keys.Status]struct{ unused, used bool }{
		"active":         {true, true},
		"in_queue":       {true, true},
		"success":        {false, true},
		"failed_upgrade": {true, false},
		"success_renew":  {true, false},
		"failed":         {false, true},
		"":               {false, false},
		"not_exist":      {false, false},
		"Active":         {false, false},
	}
	if want := len(table) - 3; len(keys.Statuses()) != want {
		t.Errorf("%d statuses, not %d", len(keys.Statuses()), want)
	}
	for s, want := range table {
		if s.AllowsUsed(false) != want.unused || s.AllowsUsed(true) != want.used {
			t.Errorf("%q agrees with unused: %v, used: %v", s, s.AllowsUsed(false), s.AllowsUsed(true))
		}
	}
}

// TestTransitionsAgree tests that the status and Used of a key are consistent after every transition.
func TestTransitionsAgree(t *testing.T) {
	for _, k := range everyKey() {
		for _, m := range keys.Transitions() {
			if got := k.Apply(m, ""); !got.Status.AllowsUsed(got.Used) {
				t.Errorf("%s leads to %s, used %v", m, got.Status, got.Used)
			}
		}
	}
}

func TestIssue(t *testing.T) {
	random := [keys.EntropyBytes]byte{1, 2, 3}
	at := time.Date(2026, 11, 22, 20, 37, 1, 5e8, time.FixedZone("CET", 3600))
	want := keys.Key{
		Code: keys.Generate(random), Status: keys.Active, OrderID: "o",
		PurchaseDate: time.Date(2026, 11, 22, 19, 37, 1, 0, time.UTC),
	}
	if got := keys.Issue(random, "o", at); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// shapes lists the expected rules for the shape of the info response. The first rule that applies decides.
var shapes = []struct {
	shape keys.InfoShape
	fits  func(k keys.Key, found bool) bool
}{
	{keys.NotFound, func(k keys.Key, found bool) bool { return !found || k.Revoked }},
	{keys.Reusable, func(k keys.Key, _ bool) bool { return k.Status == "failed_upgrade" || k.Status == "success_renew" }},
	{keys.ByInvite, func(k keys.Key, _ bool) bool { return k.Status == "active" && k.Invite != "" }},
	{keys.ByMessage, func(k keys.Key, _ bool) bool { return k.Message != "" }},
	{keys.ByAccount, func(keys.Key, bool) bool { return true }},
}

func TestShapeOfEveryKey(t *testing.T) {
	seen := map[keys.InfoShape]int{}
	for _, k := range everyKey() {
		for _, found := range booleans {
			for _, message := range []string{"", "why"} {
				for _, account := range []string{"", "name"} {
					k.Message, k.Username, k.VerifyAddress, k.Version = message, account, account, 0
					if found {
						k.Version = 1
					}
					want := expectedShape(k, found)
					seen[want]++
					if got := k.InfoShape(); got != want {
						t.Errorf("%+v has shape %d, not %d", k, got, want)
					}
				}
			}
		}
	}
	if len(seen) != len(shapes) {
		t.Errorf("only these shapes were met: %v", seen)
	}
}

func expectedShape(k keys.Key, found bool) keys.InfoShape {
	for _, rule := range shapes {
		if rule.fits(k, found) {
			return rule.shape
		}
	}
	panic("no rule fits")
}
