package api_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A customer uses the API through the Go client.
type customer struct {
	*testing.T
	*client.Client
}

func newCustomer(d *harness.Daemon) customer {
	d.Helper()
	c, err := client.New(d.URL, client.Options{})
	if err != nil {
		d.Fatal(err)
	}
	return customer{d.T, c}
}

// newAccount returns an account. The provider treats it as the login says, and every policy allows its password.
func newAccount(login string) tasks.Account {
	return tasks.Account{Login: tasks.NewSecret(login), Password: tasks.NewSecret(harness.Password)}
}

// changeAndWait makes an upgrade or a renew, and returns the info after the task has ended.
func (c customer) changeAndWait(code keys.Code, change func(context.Context, keys.Code, tasks.Account, string) error, login string) client.Info {
	c.Helper()
	if err := change(c.Context(), code, newAccount(login), "US"); err != nil {
		c.Fatalf("%s: %v", code, err)
	}
	ctx, cancel := context.WithTimeout(c.Context(), harness.MaxWait)
	defer cancel()
	info, err := c.Wait(ctx, code)
	if err != nil {
		c.Fatalf("%s: %v", code, err)
	}
	return info
}

// TestClientReadsEveryShape reads a key of each shape of info with the Go client.
func TestClientReadsEveryShape(t *testing.T) {
	bought, used := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 4, 3, 6, 7, 0, time.UTC)
	shapes := map[keys.Code]client.Info{
		"again":  {Shape: keys.Reusable, Status: keys.FailedUpgrade, Message: "Wrong address", PurchaseDate: bought, UsedDate: used},
		"legacy": {Shape: keys.ByInvite, Status: keys.Active, Invite: "in&vite", Address: "1 <Old> Street", Used: true},
		"failed": {Shape: keys.ByMessage, Status: keys.Failed, Message: "a & b <c> é", Used: true, PurchaseDate: bought, UsedDate: used},
		"done":   {Shape: keys.ByAccount, Status: keys.Success, Username: "ann", VerifyAddress: "1 Street", Used: true},
		"a+b/c":  {Shape: keys.ByAccount, Status: keys.Active},
	}
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys(
			"code,status,used,message,invite,address,username,verify_address,revoked,purchase_date,used_date",
			"again,failed_upgrade,0,Wrong address,,,,,,2026-01-02,2026-03-04T03:06:07Z", "legacy,active,1,,in&vite,1 <Old> Street,,,,,",
			"failed,failed,1,a & b <c> é,,,,,,2026-01-02,2026-03-04T03:06:07Z", "done,success,1,,,,ann,1 Street,,,", "a+b/c,,,,,,,,,,", "gone,,,,,,,,1,,",
		)
		s.ImportPlans("us,US,3,1 Main Street,", "de,DE,1,,")
		c := newCustomer(s.Serve())
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

// TestClientKeyLifecycle waits for the end of upgrades and renews with the Go client, and reads their outcomes.
func TestClientKeyLifecycle(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,2,1 Main Street,")
		c := newCustomer(s.Serve())
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

// TestClientReportsEveryRefusal causes each refusal of the API, and checks the error of the Go client.
func TestClientReportsEveryRefusal(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used,invite,revoked", "K,,,", "used,1,,", "legacy,1,i,", "gone,,,1", "up,,,", "re,1,,")
		s.ImportPlans("p,US,9,,")
		c := newCustomer(s.Serve())
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
			tasks.UpgradeOpen:     errors.Join(c.Upgrade(ctx, "up", newAccount(harness.PendingLogin), "US"), c.Upgrade(ctx, "up", good, "US")),
			tasks.RenewOpen:       errors.Join(c.Renew(ctx, "re", newAccount(harness.PendingLogin), "US"), c.Upgrade(ctx, "re", good, "US")),
		} {
			if !errors.Is(err, want) || errors.Is(err, client.ErrUnknown) {
				c.Errorf("%s: %v", want, err)
			}
		}
	})
}

// TestClientReportsRetryLater exceeds the limits of unknown keys and of tasks per key, and calls a daemon that has
// stopped. The Go client must report when to try again.
func TestClientReportsRetryLater(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,9,,")
		d := s.Serve("--unknown-key-limit", "2", "--key-task-limit", "1")
		c := newCustomer(d)
		c.changeAndWait("K", c.Upgrade, "wrong_address@example.com")
		limited := c.Upgrade(c.Context(), "K", newAccount("a"), "US")
		_, err := c.Info(c.Context(), "nobody")
		_, again := c.Info(c.Context(), "none")
		_, unknownLimited := c.Info(c.Context(), "K")
		if !errors.Is(err, tasks.UnknownKey) || !errors.Is(again, tasks.UnknownKey) {
			c.Errorf("%v, %v", err, again)
		}
		for _, err := range []error{limited, unknownLimited} {
			if l, is := errors.AsType[*client.RetryLaterError](err); !is || l.Status != 429 || l.RetryAfter <= client.DefaultMaxWait || errors.Is(err, client.ErrUnknown) {
				c.Errorf("%v", err)
			}
		}
		d.Stop()
		if err := c.Upgrade(c.Context(), "K", newAccount("a"), "US"); !errors.Is(err, client.ErrNoResponse) || errors.Is(err, client.ErrUnknown) {
			c.Errorf("no daemon runs: %v", err)
		}
	})
}
