package blackbox_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A customer uses the API of a daemon through the client that ships with it.
type customer struct {
	*testing.T
	*client.Client
}

func (d *Daemon) customer() customer {
	d.Helper()
	c, err := client.New(d.URL, client.Options{})
	if err != nil {
		d.Fatal(err)
	}
	return customer{d.T, c}
}

// newAccount is one that the provider treats as the login says, with a password that every policy allows.
func newAccount(login string) tasks.Account {
	return tasks.Account{Login: tasks.NewSecret(login), Password: tasks.NewSecret(Password)}
}

// changeAndWait upgrades or renews, and gives the info after it has ended.
func (c customer) changeAndWait(code keys.Code, change func(context.Context, keys.Code, tasks.Account, string) error, login string) client.Info {
	c.Helper()
	if err := change(c.Context(), code, newAccount(login), "US"); err != nil {
		c.Fatalf("%s: %v", code, err)
	}
	ctx, cancel := context.WithTimeout(c.Context(), MaxWait)
	defer cancel()
	info, err := c.Wait(ctx, code)
	if err != nil {
		c.Fatalf("%s: %v", code, err)
	}
	return info
}

// TestClientReadsEveryShape has a key in every shape.
func TestClientReadsEveryShape(t *testing.T) {
	bought, used := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 4, 3, 6, 7, 0, time.UTC)
	shapes := map[keys.Code]client.Info{
		"again":  {Shape: keys.Reusable, Status: keys.FailedUpgrade, Message: "Wrong address", PurchaseDate: bought, UsedDate: used},
		"legacy": {Shape: keys.ByInvite, Status: keys.Active, Invite: "in&vite", Address: "1 <Old> Street", Used: true},
		"failed": {Shape: keys.ByMessage, Status: keys.Failed, Message: "a & b <c> é", Used: true, PurchaseDate: bought, UsedDate: used},
		"done":   {Shape: keys.ByAccount, Status: keys.Success, Username: "ann", VerifyAddress: "1 Street", Used: true},
		"a+b/c":  {Shape: keys.ByAccount, Status: keys.Active},
	}
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys(
			"code,status,used,message,invite,address,username,verify_address,revoked,purchase_date,used_date",
			"again,failed_upgrade,0,Wrong address,,,,,,2026-01-02,2026-03-04T03:06:07Z", "legacy,active,1,,in&vite,1 <Old> Street,,,,,",
			"failed,failed,1,a & b <c> é,,,,,,2026-01-02,2026-03-04T03:06:07Z", "done,success,1,,,,ann,1 Street,,,", "a+b/c,,,,,,,,,,", "gone,,,,,,,,1,,",
		)
		s.ImportPlans("us,US,3,1 Main Street,", "de,DE,1,,")
		c := s.Serve().customer()
		for code, want := range shapes {
			if got, err := c.Info(c.Context(), code); got != want || err != nil {
				c.Errorf("%s: %+v, %v", code, got, err)
			}
		}
		for _, code := range []keys.Code{"gone", "nobody", ""} {
			if got, err := c.Info(c.Context(), code); got.Shape != keys.NotFound || !errors.Is(err, tasks.UnknownKey) {
				c.Errorf("%s: %+v, %v", code, got, err)
			}
		}
		want := []client.CountryStock{{Country: "Germany", Code: "DE", Slots: 1}, {Country: "United States", Code: "US", Slots: 3}}
		if got, err := c.Stock(c.Context()); !reflect.DeepEqual(got, want) || err != nil {
			c.Errorf("%+v, %v", got, err)
		}
	})
}

// TestClientKeyLifecycle goes through every outcome that a shape tells, and what waits.
func TestClientKeyLifecycle(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,2,1 Main Street,")
		c := s.Serve().customer()
		if i := c.changeAndWait("K", c.Upgrade, "202+wrong_address@example.com"); i.Outcome() != tasks.WrongAddress || i.Used {
			c.Errorf("%+v", i)
		}
		if i := c.changeAndWait("K", c.Upgrade, "success@example.com"); i.Outcome() != tasks.Success || i.VerifyAddress != "1 Main Street" || i.UsedDate.IsZero() {
			c.Errorf("%+v", i)
		}
		if i := c.changeAndWait("K", c.Renew, "still_premium@example.com"); i.Outcome() != tasks.StillPremium || !i.Used {
			c.Errorf("%+v", i)
		}
		if i := c.changeAndWait("K", c.Renew, "success@example.com"); i.Status != keys.SuccessRenew || i.Message != "Key Renewed" || i.Outcome() != tasks.Success {
			c.Errorf("%+v", i)
		}
	})
}

// TestClientReportsEveryRefusal provokes each.
func TestClientReportsEveryRefusal(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,used,invite,revoked", "K,,,", "used,1,,", "legacy,1,i,", "gone,,,1", "up,,,", "re,1,,")
		s.ImportPlans("p,US,9,,")
		c := s.Serve().customer()
		ctx, good := c.Context(), newAccount("a@example.com")
		none, weak, email := good, good, good
		none.Password, weak.Password, email.NewEmail = tasks.Secret{}, tasks.NewSecret("short"), tasks.NewSecret("no address")
		for want, err := range map[tasks.Refusal]error{
			tasks.UnknownKey:      c.Upgrade(ctx, "nobody", good, "US"),
			tasks.PasswordMissing: c.Upgrade(ctx, "K", none, "US"),
			tasks.PasswordWeak:    c.Renew(ctx, "used", weak, "US"),
			tasks.LoginMissing:    c.Renew(ctx, "used", newAccount(" "), "US"),
			tasks.CountryInvalid:  c.Upgrade(ctx, "K", good, "Germany"),
			tasks.EmailInvalid:    c.Renew(ctx, "used", email, "US"),
			tasks.KeyGone:         c.Upgrade(ctx, "gone", good, "US"),
			tasks.KeyUsed:         c.Upgrade(ctx, "used", good, "US"),
			tasks.KeyUnused:       c.Renew(ctx, "K", good, "US"),
			tasks.KeyLegacy:       c.Renew(ctx, "legacy", good, "US"),
			tasks.UpgradeOpen:     errors.Join(c.Upgrade(ctx, "up", newAccount(PendingLogin), "US"), c.Upgrade(ctx, "up", good, "US")),
			tasks.RenewOpen:       errors.Join(c.Renew(ctx, "re", newAccount(PendingLogin), "US"), c.Upgrade(ctx, "re", good, "US")),
		} {
			if !errors.Is(err, want) || errors.Is(err, client.ErrUnknown) {
				c.Errorf("%s: %v", want, err)
			}
		}
	})
}

// TestClientReportsRetryLater goes past both limits, and asks a daemon that is going.
func TestClientReportsRetryLater(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,9,,")
		d := s.Serve("--unknown-key-limit", "2", "--key-task-limit", "1")
		c := d.customer()
		c.changeAndWait("K", c.Upgrade, "wrong_address@example.com")
		limited := c.Upgrade(c.Context(), "K", newAccount("a"), "US")
		_, err := c.Info(c.Context(), "nobody")
		_, again := c.Info(c.Context(), "none")
		_, stranger := c.Info(c.Context(), "K")
		if !errors.Is(err, tasks.UnknownKey) || !errors.Is(again, tasks.UnknownKey) {
			c.Errorf("%v, %v", err, again)
		}
		for _, err := range []error{limited, stranger} {
			if l, is := errors.AsType[*client.RetryLaterError](err); !is || l.Status != 429 || l.RetryAfter <= client.DefaultMaxWait || errors.Is(err, client.ErrUnknown) {
				c.Errorf("%v", err)
			}
		}
		d.Stop()
		if err := c.Upgrade(c.Context(), "K", newAccount("a"), "US"); !errors.Is(err, client.ErrNoResponse) || errors.Is(err, client.ErrUnknown) {
			c.Errorf("nobody is there: %v", err)
		}
	})
}

// adminClient is a client of the admin API.
func (o *Operator) adminClient(token string) *client.Admin {
	o.Helper()
	a, err := client.NewAdmin(o.AdminURL, tasks.NewSecret(token), client.Options{})
	if err != nil {
		o.Fatal(err)
	}
	return a
}

// TestAdminClient goes through a shop's day.
func TestAdminClient(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		o, file := s.ServeAdmin("--task-attempts", "1")
		a, c, ctx := o.adminClient(o.Token), o.customer(), s.Context()
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
		must("upgrade", c.Upgrade(ctx, open, newAccount(PendingLogin), "US"))

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
		o.changeByAdminClient(a, done, open)
		o.checkListsByAdminClient(a, issue.Codes)

		o.checkAdminProblems(a, o.adminClient(s.AddToken(file, "support", "read")), done, resolved.ID)
	})
}

// checkAdminProblems provokes problems, with a task that was resolved.
func (o *Operator) checkAdminProblems(a, reader *client.Admin, done keys.Code, resolved string) {
	o.Helper()
	ctx := o.Context()
	_, unknown := a.Task(ctx, "none")
	_, invalid := a.Issue(ctx, "other", client.Order{Count: 0, OrderID: "o"})
	_, reused := a.Issue(ctx, "hook", client.Order{Count: 4, OrderID: "o-1"})
	_, noKey := a.Issue(ctx, "", client.Order{Count: 1, OrderID: "o"})
	_, forbidden := reader.Reset(ctx, done)
	_, stranger := o.adminClient("nobody-has-this-token").Stock(ctx)
	_, settled := a.Resolve(ctx, resolved, tasks.WrongAddress)
	_, ended := a.Retry(ctx, resolved)
	_, free := a.Release(ctx, resolved)
	for want, err := range map[client.Code]error{
		client.TaskNotFound: unknown, client.FieldInvalid: invalid, client.IdempotencyKeyReused: reused, client.IdempotencyKeyMissing: noKey,
		client.Forbidden: forbidden, client.Unauthorized: stranger, client.NotSuspect: settled, client.TaskEnded: ended, client.NotSpent: free,
		client.PlanNotFound: a.RetirePlan(ctx, "none"), client.PlanInUse: a.EditPlan(ctx, "p", client.PlanEdit{Slots: new(0)}),
	} {
		if !errors.Is(err, want) || errors.Is(err, client.ErrUnknown) {
			o.Errorf("%s: %v", want, err)
		}
	}
}

// changeByAdminClient changes a key that is done and one with an open task.
func (o *Operator) changeByAdminClient(a *client.Admin, done, open keys.Code) {
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

func (o *Operator) checkListsByAdminClient(a *client.Admin, codes []keys.Code) {
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
	for filter, want := range map[adminstore.TaskFilter]int{adminstore.AnyTask: 3, adminstore.OpenTask: 1, adminstore.EndedTask: 2, adminstore.SuspectTask: 0} {
		n := 0
		for _, err := range a.Tasks(ctx, filter) {
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
		{ID: "p", Country: "US", State: "live", Slots: 3, Free: 2, Held: 1, ExpiresAt: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Address: "1 Street\nTown", Invite: "i"},
		{ID: "q", Country: "DE", State: "retired", Slots: 1, Free: 1},
	}
	if !reflect.DeepEqual(plans, want) {
		o.Errorf("%+v", plans)
	}
	levels, err := a.Stock(ctx)
	if want := []stock.Level{{Country: "DE", Size: 1, Idle: 1}, {Country: "US", Size: 3, Free: 2, Held: 1}}; !reflect.DeepEqual(levels, want) || err != nil {
		o.Errorf("%+v, %v", levels, err)
	}
}
