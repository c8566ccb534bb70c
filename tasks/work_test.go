package tasks_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// upgrading returns a shop with one accepted upgrade, and two plans of one slot each.
func upgrading(t *testing.T) *shop {
	s := open(t)
	s.key(keys.Key{Status: keys.Active})
	s.plan("elm", "US", 1)
	s.plan("oak", "US", 1)
	if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); err != nil {
		t.Fatal(err)
	}
	s.applied = nil
	return s
}

func TestOrder(t *testing.T) {
	s := upgrading(t)
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
		s.now = s.now.Add(3 * time.Second)
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.PlanFull}
	}
	report := s.work(s.lease())
	if report.Took != 3*time.Second || report.Err != nil || report.Result.Outcome != tasks.PlanFull || report.Task.Ordinal != 2 {
		t.Errorf("%+v", report)
	}
	s.work(s.lease())
	for i, o := range s.orders {
		o.Account = tasks.Account{}
		want := tasks.ConnectorRequest{
			Task: "id1", Kind: tasks.Upgrade, Country: "US", Ordinal: i + 1, Attempt: i + 1,
			Plan: []tasks.PlanSnapshot{{"elm", "elm street", "elm link"}, {"oak", "oak street", "oak link"}}[i],
		}
		if o != want || o.IdempotencyKey() != []string{"id1-1", "id1-2"}[i] {
			t.Errorf("%+v, not %+v", o, want)
		}
	}
	if v := s.view(); v.Key.Message != "Family plan is full" || v.Task.Plan.ID != "oak" {
		t.Errorf("with no plan left: %+v", v.Key)
	}
	for _, p := range s.plans() {
		if p.Held != 0 || p.Fault != stock.Full {
			t.Errorf("%+v", p)
		}
	}
}

// TestSettleWithLostResult tests that Settle repeats the same change if the store's result is lost. The store applies
// the change once.
func TestSettleWithLostResult(t *testing.T) {
	s := upgrading(t)
	s.applies = []fault{answerLost, callLost, answerLost}
	report := s.work(s.lease())
	if report.Err != nil || len(slices.Compact(s.applied)) != 1 || len(s.applied) != 4 {
		t.Errorf("%+v, applied %v", report, s.applied)
	}
	if p := s.plans()[0]; p.Spent != 1 || p.Held != 0 || len(s.history()) != 2 {
		t.Errorf("%+v, %+v", p, s.history())
	}
}

// TestLoginIsNotStored tests that a login is not stored in the key, in whichever form a connector returns it.
func TestLoginIsNotStored(t *testing.T) {
	s := upgrading(t)
	s.provider = func(o tasks.ConnectorRequest) tasks.ConnectorResult {
		login := o.Account.Login.Reveal()
		return tasks.ConnectorResult{
			Effect: tasks.Settled, Outcome: tasks.Success,
			Username: strings.ToUpper(login), VerifyAddress: "%20" + login,
		}
	}
	if report := s.work(s.lease()); report.Err != nil || report.Result.Username != "" || report.Result.VerifyAddress != "" {
		t.Errorf("%+v", report)
	}
	if key := s.view().Key; key.Status != keys.Success || key.Username != "" || key.VerifyAddress != "elm street" {
		t.Errorf("%+v", key)
	}
}

// TestConnectorPanics tests that a panic counts as a result with an unknown effect, and that the history does not
// contain the value of the panic.
func TestConnectorPanics(t *testing.T) {
	for _, value := range []any{canary, errors.New(canary), tasks.NewSecret(canary)} {
		s := upgrading(t)
		s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult { panic(value) }
		report := s.work(s.lease())
		if report.Err != nil || report.Result.Effect != tasks.Unknown || !s.view().Task.InDoubt || s.view().Task.CountedAttempts != 1 {
			t.Errorf("%+v", report)
		}
		for _, e := range s.history() {
			if strings.Contains(e.Note, canary) {
				t.Errorf("it is told: %s", e.Note)
			}
		}
	}
}

// tamper overwrites the sealed account of the task.
func (s *shop) tamper(sealed []byte) {
	s.t.Helper()
	task := *s.view().Task
	task.Sealed = sealed
	errs, err := s.store.Apply(s.t.Context(), []tasks.Change{{ID: s.NewID(), Task: &task}})
	if err != nil || errs[0] != nil {
		s.t.Fatal(errs, err)
	}
}

// TestPoison tests that a task whose sealed account does not open or is malformed is retried without a call of the
// connector. The task is not in doubt.
func TestPoison(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := upgrading(t)
		junk := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.SampledFrom([][]byte{
				nil, []byte("3:abc,"), []byte("0:,0:,"), []byte("0:,0:,0:,x"), []byte("-1:,0:,0:,"), []byte("9:,0:,0:,"), []byte(":,:,:,"),
				[]byte("0:0:,0:,"), []byte("9999999999999999999999:,"), []byte("9223372036854775807:a,0:,0:,"), []byte("1:a"), []byte("1:aa"),
			}),
		).Draw(r, "junk")
		if rapid.Bool().Draw(r, "sealed") {
			junk, _ = box{}.Seal(junk, []byte("id1\x00upgrade\x00K"))
		}
		s.tamper(junk)
		report := s.work(s.lease())
		if report.Err != nil || len(s.orders) != 0 || report.Result.Effect != tasks.None || report.Task.InDoubt || !report.Task.Open() {
			r.Fatalf("%q: %+v, asked %+v", junk, report, s.orders)
		}
	})
}

// TestAnAccountThatDoesNotOpen tests that a failed decryption is not an attempt, and that the task ends at its deadline
// and frees the slot. If the account opens before the deadline, the task is carried out normally.
func TestAnAccountThatDoesNotOpen(t *testing.T) {
	for _, opens := range []bool{false, true} {
		s := upgrading(t)
		sealed := s.view().Task.Sealed
		s.tamper([]byte("sealed with another key"))
		start, tries := s.now, 0
		for s.view().Task.Open() && tries < 100 && (!opens || tries < 12) {
			report := s.work(s.lease())
			if tries++; report.Err != nil || report.Unopened == nil || report.Task.Attempts != 0 || report.Task.CountedAttempts != 0 {
				t.Fatalf("%+v", report)
			}
			s.now = s.now.Add(report.Again)
		}
		if !opens {
			took := s.now.Sub(start)
			v := s.view()
			if v.Task.Outcome != tasks.SystemError || s.plans()[0].Held != 0 || s.plans()[0].Suspect != 0 || took != s.Rules.Deadline || tries < 10 {
				t.Errorf("after %s and %d tries: %+v", took, tries, v.Task)
			}
			continue
		}
		s.tamper(sealed)
		s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
			return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
		}
		report := s.work(s.lease())
		if report.Task.Outcome != tasks.Success || report.Task.Attempts != 1 || len(s.orders) != 1 || s.orders[0].Attempt != 1 {
			t.Errorf("%+v, %+v", report, s.orders)
		}
	}
}

// TestSealsAreBound tests that a sealed account does not open in another task.
func TestSealsAreBound(t *testing.T) {
	s, other := upgrading(t), open(t)
	other.ids = 100
	other.key(keys.Key{Status: keys.Active})
	other.plan("elm", "US", 1)
	if err := other.Accept(t.Context(), other.request(tasks.Upgrade)); err != nil {
		t.Fatal(err)
	}
	s.tamper(other.view().Task.Sealed)
	if report := s.work(s.lease()); len(s.orders) != 0 || report.Result.Effect != tasks.None {
		t.Errorf("it opened: %+v", report)
	}
}

// TestFencedTouchesNothing tests that a worker that has lost its lease writes nothing.
func TestFencedTouchesNothing(t *testing.T) {
	s := upgrading(t)
	late := s.lease()
	s.now = s.now.Add(ttl + time.Second)
	current := s.lease()
	before, plans := s.view(), s.plans()
	if report := s.work(late); !errors.Is(report.Err, tasks.ErrFenced) {
		t.Errorf("%+v", report)
	}
	if v := s.view(); !reflect.DeepEqual(v, before) || !slices.Equal(s.plans(), plans) || len(s.history()) != 1 {
		t.Errorf("it touched %+v", v)
	}
	if report := s.work(current); report.Err != nil || s.orders[1].Attempt != 2 || s.plans()[0].Spent != 1 {
		t.Errorf("%+v", report)
	}
}

// TestSettleAgainstOthers tests that Settle does not overwrite a simultaneous change of the key.
func TestSettleAgainstOthers(t *testing.T) {
	s := upgrading(t)
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
		read := func(ctx context.Context) (tasks.Snapshot, error) { return s.Snapshot(ctx, "K") }
		if err := s.Update(t.Context(), read, tasks.Revoke); err != nil {
			t.Error(err)
		}
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
	}
	if report := s.work(s.lease()); report.Err != nil {
		t.Errorf("%+v", report)
	}
	if k := s.view().Key; !k.Revoked || k.Status != keys.Success || s.plans()[0].Spent != 1 {
		t.Errorf("%+v", k)
	}
}

// TestSettleForgetsAShortage tests that Settle claims again after a conflict, although the first claim found no
// slot.
func TestSettleForgetsAShortage(t *testing.T) {
	s := upgrading(t)
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.PlanFull}
	}
	s.applies = []fault{verdictOf(stock.ErrOutOfStock), verdictOf(tasks.ErrConflict)}
	if report := s.work(s.lease()); report.Err != nil || s.view().Task.Plan.ID != "oak" {
		t.Errorf("%+v", report)
	}
}

func TestSettleFails(t *testing.T) {
	for name, c := range map[string]struct {
		applies []fault
		views   []error
		vanish  bool
		want    error
	}{
		"conflicts for ever": {slices.Repeat([]fault{verdictOf(tasks.ErrConflict)}, 1000), nil, false, tasks.ErrConflict},
		"no slot to move":    {[]fault{verdictOf(stock.ErrSlotState)}, nil, false, stock.ErrSlotState},
		"the view is away":   {[]fault{verdictOf(tasks.ErrConflict)}, slices.Repeat([]error{errAway}, 3), false, errAway},
		"the task is gone":   {[]fault{verdictOf(tasks.ErrConflict)}, nil, true, tasks.ErrFenced},
		"made, and the news lost": {[]fault{func(apply func() ([]error, error)) ([]error, error) {
			_, _ = apply()
			return []error{tasks.ErrConflict}, nil
		}}, nil, false, tasks.ErrFenced},
	} {
		s := upgrading(t)
		s.applies, s.views, s.vanish = c.applies, c.views, c.vanish
		if report := s.work(s.lease()); !errors.Is(report.Err, c.want) || report.Task.ID != "id1" {
			t.Errorf("%s: %+v", name, report)
		}
	}
}

// TestSettlingHasAContextOfItsOwn tests that an attempt is settled even if the attempt's context was cancelled.
func TestSettlingHasAContextOfItsOwn(t *testing.T) {
	s := upgrading(t)
	calling, cancel := context.WithCancel(t.Context())
	cancel()
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult { return tasks.ConnectorResult{} }
	if report := s.Work(calling, t.Context(), s.lease()); report.Err != nil || !s.view().Task.InDoubt {
		t.Errorf("%+v", report)
	}
}

// TestClockIsTheStores tests that stored times are those of the store's clock. The engine's clock only measures the
// time since the lease.
func TestClockIsTheStores(t *testing.T) {
	s := upgrading(t)
	skew := 1000 * time.Hour
	s.Now = func() time.Time { return s.now.Add(skew) }
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
		s.now = s.now.Add(7 * time.Second)
		return tasks.ConnectorResult{Effect: tasks.None}
	}
	s.work(s.lease())
	if task := s.view().Task; !task.FirstAttempt.Equal(now) || !task.DueAt.Equal(now.Add(9*time.Second)) {
		t.Errorf("%+v", task)
	}
}

func TestSteer(t *testing.T) {
	read := func(s *shop) func(context.Context) (tasks.Snapshot, error) {
		return func(ctx context.Context) (tasks.Snapshot, error) { return s.Snapshot(ctx, "K") }
	}
	s := upgrading(t)
	s.applies = []fault{verdictOf(tasks.ErrConflict), answerLost}
	if err := s.Update(t.Context(), read(s), tasks.RetryNow); err != nil || len(slices.Compact(s.applied)) != 1 || len(s.history()) != 2 {
		t.Errorf("%v, applied %v", err, s.applied)
	}
	s.applies = []fault{func(apply func() ([]error, error)) ([]error, error) { s.lease(); return apply() }}
	if err := s.Update(t.Context(), read(s), tasks.RetryNow); !errors.Is(err, tasks.ErrTaskLeased) {
		t.Errorf("leased meanwhile: %v", err)
	}
	if err := s.Update(t.Context(), read(s), tasks.Reset); !errors.Is(err, tasks.ErrTaskOpen) {
		t.Errorf("open: %v", err)
	}
	s.views = slices.Repeat([]error{errAway}, 3)
	if err := s.Update(t.Context(), read(s), tasks.Revoke); !errors.Is(err, errAway) {
		t.Errorf("away: %v", err)
	}
	s.applies = slices.Repeat([]fault{verdictOf(tasks.ErrConflict)}, 1000)
	if err := s.Update(t.Context(), read(s), tasks.Revoke); !errors.Is(err, tasks.ErrConflict) {
		t.Errorf("conflicts: %v", err)
	}
}
