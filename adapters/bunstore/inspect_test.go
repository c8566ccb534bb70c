package bunstore_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// TestRecords checks that pages cover all stored rows, even rows without a key, in the order of the codes'
// bytes.
func TestRecords(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 5)
		apply(t, s, upgrades(t, s, 4)...)
		db := raw(t, url)
		for _, hurt := range []string{
			`DELETE FROM keyseat_keys WHERE code IN ('K00001', 'K00003')`,
			`DELETE FROM keyseat_tasks WHERE code = 'K00003'`,
			`UPDATE keyseat_tasks SET faulty = '[' WHERE code = 'K00002'`,
		} {
			if _, err := db.ExecContext(t.Context(), hurt); err != nil {
				t.Fatal(err)
			}
		}
		type shape struct {
			code                  keys.Code
			there                 bool
			tasks, events, unread int
		}
		var got []shape
		for after := keys.Code(""); ; {
			page, err := s.Records(t.Context(), after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				got = append(got, shape{r.Code, r.Key.Exists(), len(r.Tasks), len(r.Events), len(r.Unreadable)})
				if one, err := s.Record(t.Context(), r.Code); err != nil || len(one.Events) != len(r.Events) || one.Key != r.Key || one.At.Before(r.At) || one.Code != r.Code {
					t.Errorf("%+v is not %+v, %v", one, r, err)
				}
				after = r.Code
			}
			if len(page) < 2 {
				break
			}
		}
		want := []shape{{"K00000", true, 1, 2, 0}, {"K00001", false, 1, 2, 0}, {"K00002", true, 0, 2, 1}, {"K00003", false, 0, 2, 0}, {"K00004", true, 0, 1, 0}}
		if !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		if r, err := s.Record(t.Context(), "nobody"); err != nil || r.Code != "nobody" || r.Key.Exists() {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestFixCounters checks that a correction is made only once, and only if the counters are off as it expects.
func TestFixCounters(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 5)
		apply(t, s, upgrades(t, s, 2)...)
		if _, err := raw(t, url).ExecContext(t.Context(), `UPDATE keyseat_plans SET held = 1, spent = 3`); err != nil {
			t.Fatal(err)
		}
		readAudit := func() audit.PlanAudit {
			t.Helper()
			all, err := s.PlanAudits(t.Context())
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0]
		}
		seen := readAudit()
		two := stock.SlotCounts{Held: 2}
		if seen.Plan.Counts() != (stock.SlotCounts{Held: 1, Spent: 3}) || seen.Moves != two || seen.Tasks != two {
			t.Fatalf("%+v", seen)
		}
		c, err := seen.FixCounters(id())
		if err != nil {
			t.Fatal(err)
		}
		other := c
		other.Add.Held++
		if err := s.FixCounters(t.Context(), other); !errors.Is(err, tasks.ErrConflict) {
			t.Errorf("a correction of something else: %v", err)
		}
		views, err := s.Lease(t.Context(), "w", 1, 1e9)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, s, success(views[0])) // the daemon continues to work, and the plan is off by the same amount
		if err := s.FixCounters(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if now := readAudit(); now.Plan.Counts() != (stock.SlotCounts{Held: 1, Spent: 1}) || now.Moves != now.Plan.Counts() {
			t.Errorf("corrected to %+v", now)
		}
		if err := s.FixCounters(t.Context(), c); !errors.Is(err, tasks.ErrConflict) {
			t.Errorf("a second time: %v", err)
		}
		if events, err := s.History(t.Context(), ""); err != nil || len(events) != 1 || events[0].Plan != "p" || events[0].Note == "" {
			t.Errorf("recorded: %+v, %v", events, err)
		}
	})
}
