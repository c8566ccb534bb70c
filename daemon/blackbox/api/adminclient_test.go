package api_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// adminClient returns a client of the admin API with a token.
func adminClient(o *harness.Operator, token string) *client.Admin {
	o.Helper()
	a, err := client.NewAdmin(o.AdminURL, tasks.NewSecret(token), client.Options{})
	if err != nil {
		o.Fatal(err)
	}
	return a
}

// TestAdminClient uses every method of the Go client of the admin API, as a shop does on one day.
func TestAdminClient(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		o, file := s.ServeAdmin("--task-attempts", "1")
		a, c, ctx := adminClient(o, o.Token), newCustomer(o.Daemon), s.Context()
		must := func(what string, err error) {
			s.Helper()
			if err != nil {
				s.Fatalf("%s: %v", what, err)
			}
		}
		expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		must("edit", a.EditPlan(ctx, "p", client.PlanEdit{Country: new("us"), Slots: new(3), Address: new("1 Street\nTown"), Invite: new("i"), ExpiresAt: &expires}))
		must("edit", a.EditPlan(ctx, "q", client.PlanEdit{Country: new("DE"), Slots: new(1)}))
		must("retire", a.RetirePlan(ctx, "q"))
		issue, err := a.Issue(ctx, "hook", client.Order{Count: 3, OrderID: "o-1", Note: "n"})
		must("issue", err)
		again, err := a.Issue(ctx, "hook", client.Order{Count: 3, OrderID: "o-1", Note: "n"})
		must("issue", err)
		if !reflect.DeepEqual(issue, again) || issue.Count != 3 {
			s.Errorf("%+v, then %+v", issue, again)
		}
		done, doubt, open := issue.Codes[0], issue.Codes[1], issue.Codes[2]
		c.changeAndWait(done, c.Upgrade, "success@example.com")
		c.changeAndWait(doubt, c.Upgrade, "500@example.com")
		must("upgrade", c.Upgrade(ctx, open, newAccount(harness.PendingLogin), "US"))

		suspect, err := a.Key(ctx, doubt)
		must("key", err)
		if suspect.Task.State != adminstore.SuspectTask || suspect.Task.Slot != stock.Suspect || suspect.Task.Plan != "p" || suspect.Explanation.Now == "" || suspect.History[0].Type != tasks.EventIssued || suspect.History[0].Note != "n (by webshop)" {
			s.Errorf("%+v", suspect)
		}
		resolved, err := a.Resolve(ctx, suspect.Task.ID, tasks.WrongAddress)
		must("resolve", err)
		spent, err := a.Key(ctx, done)
		must("key", err)
		released, err := a.Release(ctx, spent.Task.ID)
		must("release", err)
		if resolved.Slot != stock.Free || released.Slot != stock.Free || released.Outcome != tasks.Success || released.CreatedAt.IsZero() || released.EndedAt.IsZero() {
			s.Errorf("%+v, %+v", resolved, released)
		}
		changeByAdminClient(o, a, done, open)
		checkListsByAdminClient(o, adminClient(o, s.AddToken(file, "books", "export")), issue.Codes)

		checkAdminProblems(o, a, adminClient(o, s.AddToken(file, "support", "read")), done, resolved.ID)
	})
}

// checkAdminProblems causes each problem of the admin API. The task resolved must be resolved already.
func checkAdminProblems(o *harness.Operator, a, reader *client.Admin, done keys.Code, resolved string) {
	o.Helper()
	ctx := o.Context()
	_, unknown := a.Task(ctx, "none")
	_, invalid := a.Issue(ctx, "other", client.Order{Count: 0, OrderID: "o"})
	_, reused := a.Issue(ctx, "hook", client.Order{Count: 4, OrderID: "o-1"})
	_, noKey := a.Issue(ctx, "", client.Order{Count: 1, OrderID: "o"})
	_, forbidden := reader.Reset(ctx, done)
	_, unknownToken := adminClient(o, "nobody-has-this-token").Stock(ctx)
	_, settled := a.Resolve(ctx, resolved, tasks.WrongAddress)
	_, ended := a.Retry(ctx, resolved)
	_, free := a.Release(ctx, resolved)
	for want, err := range map[client.Code]error{
		client.TaskNotFound: unknown, client.FieldInvalid: invalid, client.IdempotencyKeyReused: reused, client.IdempotencyKeyMissing: noKey,
		client.Forbidden: forbidden, client.Unauthorized: unknownToken, client.NotSuspect: settled, client.TaskEnded: ended, client.NotSpent: free,
		client.PlanNotFound: a.RetirePlan(ctx, "none"), client.PlanInUse: a.EditPlan(ctx, "p", client.PlanEdit{Slots: new(0)}),
	} {
		if !errors.Is(err, want) || errors.Is(err, client.ErrUnknown) {
			o.Errorf("%s: %v", want, err)
		}
	}
}

// changeByAdminClient changes the key done, whose task has ended, and the key open, whose task is open.
func changeByAdminClient(o *harness.Operator, a *client.Admin, done, open keys.Code) {
	o.Helper()
	ctx := o.Context()
	busy, err := a.Key(ctx, open)
	if err != nil || busy.Task.State != adminstore.OpenTask || busy.Task.Kind != tasks.Upgrade || busy.Task.Country != "US" {
		o.Fatalf("%+v, %v", busy, err)
	}
	o.Eventually("the task is retried", func() bool {
		_, err := a.Retry(ctx, busy.Task.ID)
		if err != nil && !errors.Is(err, client.TaskLeased) {
			o.Fatal(err)
		}
		return err == nil
	})
	if _, err := a.Reset(ctx, open); !errors.Is(err, client.TaskOpen) {
		o.Errorf("%v", err)
	}
	reset, err := a.Reset(ctx, done)
	if err != nil || reset.Used || reset.Status != keys.Active || reset.OrderID != "o-1" || reset.PurchaseDate.IsZero() {
		o.Errorf("%+v, %v", reset, err)
	}
	revoked, err := a.Revoke(ctx, done)
	restored, same := a.Restore(ctx, done)
	if err != nil || same != nil || !revoked.Revoked || restored.Revoked || restored.Code != done {
		o.Errorf("%+v, %v; %+v, %v", revoked, err, restored, same)
	}
}

func checkListsByAdminClient(o *harness.Operator, a *client.Admin, codes []keys.Code) {
	o.Helper()
	ctx := o.Context()
	var got []keys.Code
	for k, err := range a.Keys(ctx, client.KeyFilter{OrderID: new("o-1"), Revoked: new(false)}) {
		if err != nil {
			o.Fatal(err)
		}
		got = append(got, k.Code)
	}
	if !slices.Equal(got, codes) {
		o.Errorf("%q", got)
	}
	for filter, want := range map[adminstore.TaskState]int{adminstore.AnyTask: 3, adminstore.OpenTask: 1, adminstore.EndedTask: 2, adminstore.SuspectTask: 0} {
		n := 0
		for _, err := range a.Tasks(ctx, adminstore.TaskFilter{State: filter}) {
			if err != nil {
				o.Fatal(err)
			}
			n++
		}
		if n != want {
			o.Errorf("%d tasks are %q", n, filter)
		}
	}
	var plans []client.Plan
	for p, err := range a.Plans(ctx) {
		if err != nil {
			o.Fatal(err)
		}
		plans = append(plans, p)
	}
	want := []client.Plan{
		{ID: "p", Country: "US", State: "live", Slots: 3, Free: 2, Held: 1, ExpiresAt: view.Time{Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}, Address: "1 Street\nTown", Invite: "i"},
		{ID: "q", Country: "DE", State: "retired", Slots: 1, Idle: 1},
	}
	if !reflect.DeepEqual(plans, want) {
		o.Errorf("%+v", plans)
	}
	levels, err := a.Stock(ctx)
	if want := []stock.Level{{Country: "DE", Size: 1, Idle: 1}, {Country: "US", Size: 3, Free: 2, Held: 1}}; !reflect.DeepEqual(levels, want) || err != nil {
		o.Errorf("%+v, %v", levels, err)
	}
}
