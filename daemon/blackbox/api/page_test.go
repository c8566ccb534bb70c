package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestURLLeaksAreFound checks that [harness.URLLeaks] finds requests to other hosts and secrets in URLs.
func TestURLLeaksAreFound(t *testing.T) {
	secrets := map[string]bool{"p w": true}
	for text, want := range map[string]int{
		"http://a/ http://a/x data:,": 0, "http://a/ http://b/": 1, "http://a/?p+w": 1, "http://a/p%20w": 1, "https://a/ http://a:81/": 1,
	} {
		if got := harness.URLLeaks(strings.Fields(text), secrets); len(got) != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestTabReportsPageErrors checks that a [harness.Tab] records the errors of its page.
func TestTabReportsPageErrors(t *testing.T) {
	t.Parallel()
	b := harness.OpenTab(t)
	b.Do(chromedp.Navigate("about:blank"))
	harness.Eval[any](b, "console.warn('x'); setTimeout(() => { throw new Error('y') }); null")
	found := 0
	for end := time.Now().Add(harness.MaxWait); found < 2; time.Sleep(10 * time.Millisecond) {
		found += len(b.TakeErrors())
		if time.Now().After(end) {
			t.Fatal("a warning and an exception were not both reported")
		}
	}
	if found != 2 {
		t.Errorf("a warning and an exception were reported as %d errors", found)
	}
}

func TestPageChecksKeys(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.ImportKeys("code,used,status,message,invite,address,username,verify_address,used_date,revoked",
		"active-key,,,,,,,,,", "used-key,1,,,,,,,,", "gone-key,,,,,,,,,1", "legacy-key,,,,https://join.example/abc,2 Example Street,,,,",
		"success-key,1,success,,,,someone,1 Example Street,2026-06-02,", "failed-key,1,failed,The account provided is still premium,,,,,,",
		"upgrade-key,,failed_upgrade,Wrong address,,,,,,", "renewed-key,,success_renew,Key Renewed,,,,,2026-06-02,", "queued-key,,,,,,,,,")
	s.ImportPlans("p,US,5,,", "q,DE,12,,", "r,TR,1,,")
	d := s.Serve()
	d.MustAccept(harness.Upgrade("queued-key", harness.PendingLogin, "US"))
	forEachPageUser(d, func(r pageUser) {
		r.WaitText("4 slots")
		r.WaitText("1 slot")
		r.Screenshots("start")
		for _, c := range [][]string{
			{"active-key", "active", "Ready to use"},
			{"used-key", "used", "This key is in use"},
			{"legacy-key", "legacy", "https://join.example/abc", "2 Example Street"},
			{"success-key", "success", "someone", "1 Example Street", map[bool]string{true: "June 2, 2026", false: "2 June 2026"}[r.hasScript()]},
			{"failed-key", "failed", harness.Messages["still_premium"]},
			{"upgrade-key", "failed_upgrade", harness.Messages["wrong_address"], "can be used again"},
			{"renewed-key", "success_renew", "Key Renewed"},
			{"queued-key", "in_queue", "In progress"},
			{"gone-key", "not_exist", harness.UnknownKey},
			{"no-key<b>", "not_exist", harness.UnknownKey},
			{"", "not_exist", harness.UnknownKey},
		} {
			r.submit("info", c[0])
			r.expectAnswer(c[1], c[2:]...)
			if c[1] == "legacy" || c[1] == "success" {
				r.Screenshots(c[1])
			}
		}
	})
}

func TestPageUpgrades(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("first-key", "second-key", "third-key", "fourth-key")
		s.ImportPlans("p,US,5,1 Main Street,", "q,DE,12,,")
		d := s.Serve("--task-attempts", "1")
		keys := []string{"first-key", "second-key", "third-key", "fourth-key"}
		forEachPageUser(d, func(r pageUser) {
			key, open := keys[0], keys[1]
			keys = keys[2:]
			r.submit("upgrade", key)
			r.expectAnswer("refused", harness.PasswordMissing)
			r.submit("upgrade", key, "pwd", harness.Password, "country", "US")
			r.expectAnswer("refused", harness.LoginMissing)
			r.submit("upgrade", key, "pwd", harness.Password, "login", "l@example.com", "country", "")
			r.expectAnswer("refused", harness.CountryInvalid)
			r.Screenshots("refused")
			r.submit("upgrade", "no-key", "pwd", harness.Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("not_exist", harness.UnknownKey)
			r.submit("renew", key, "pwd", harness.Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("refused", harness.KeyUnused)
			r.submit("upgrade", key, "pwd", harness.Password, "login", "l@example.com", "country", "FR")
			r.expectAnswer("accepted", sentence(harness.UpgradeSent))
			r.waitTaskEnd("failed_upgrade")
			r.WaitText(harness.Messages["out_of_stock"])
			r.submit("upgrade", open, "pwd", harness.Password, "login", harness.PendingLogin, "country", "US")
			r.expectAnswer("accepted", sentence(harness.UpgradeSent), "In progress")
			r.Screenshots("accepted")
			r.submit("upgrade", open, "pwd", harness.Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("refused", harness.UpgradeOpen)
			r.submit("upgrade", key, "pwd", harness.Password, "login", "slow=1500+success@example.com", "country", "US")
			r.expectAnswer("accepted", sentence(harness.UpgradeSent), "In progress")
			r.waitTaskEnd("success")
			r.WaitText("1 Main Street")
			r.submit("upgrade", key, "pwd", harness.Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("refused", harness.KeyUsed)
			if stored := harness.Eval[string](r.Tab, "document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)"); stored != "" {
				r.Errorf("the page keeps %q", stored)
			}
		})
	})
}

func TestPageRenews(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.ImportKeys("code,used,invite", "script-key,1,", "scriptless-key,1,", "script-key-2,1,", "scriptless-key-2,1,", "legacy-key,1,inv")
	d := s.Serve()
	forEachPageUser(d, func(r pageUser) {
		_, name, _ := strings.Cut(r.Name(), "/")
		key := name + "-key"
		account := []string{"login", "slow=1000+success@example.com", "country", "FR", "pwd"}
		r.submit("renew", key, append(account, "short")...)
		r.expectAnswer("refused", harness.PasswordWeak)
		r.submit("renew", key, append(account, harness.Password, "newemail", "nonsense")...)
		r.expectAnswer("refused", harness.EmailInvalid)
		r.submit("renew", "legacy-key", append(account, harness.Password, "newemail", "")...)
		r.expectAnswer("refused", harness.KeyLegacy)
		r.Screenshots("legacy-refused")
		r.submit("renew", key, append(account, harness.Password, "newemail", "new@example.com", "country", "")...)
		r.expectAnswer("refused", harness.CountryInvalid)
		for _, one := range []struct{ key, country, email string }{{key, "FR", "new@example.com"}, {key + "-2", "", ""}} {
			r.submit("renew", one.key, append(account, harness.Password, "country", one.country, "newemail", one.email)...)
			r.expectAnswer("accepted", sentence(harness.RenewSent))
			r.waitTaskEnd("success_renew")
			r.WaitText("Key Renewed")
		}
	})
}

func TestPageShowsLimits(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("some-key", "slow-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--unknown-key-limit", "1", "--trusted-proxies", "127.0.0.1")
	forEachPageUser(d, func(r pageUser) {
		r.ExpectStatus(http.StatusTooManyRequests)
		r.submit("info", "no-key")
		r.waitEitherAnswer("not_exist", "limited")
		r.submit("info", "some-key")
		r.expectAnswer("limited", "Too many requests, try again later", "You can try again in")
	})
}

// TestPageShowsUnavailable checks what the page shows while the daemon drains, and after the daemon has ended.
func TestPageShowsUnavailable(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("some-key", "slow-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--drain", "1m")
	readers := []pageUser{openPage(d, t, true), openPage(d, t, false)}
	d.MustAccept(harness.Upgrade("slow-key", "slow=50000+success@example.com", "US"))
	s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) > 0 })
	d.Signal(harness.Terminate)
	s.Eventually("the daemon drains", func() bool { return d.ReadyStatus() == http.StatusServiceUnavailable })
	for _, r := range readers {
		r.ExpectStatus(http.StatusServiceUnavailable)
		r.submit("info", "some-key")
		r.expectAnswer("away", harness.Messages["system_error"])
	}
	r := readers[0]
	r.Do(chromedp.Navigate(d.URL + "/"))
	r.expectAnswer("away", harness.Messages["system_error"])
	d.Kill()
	r.AllowError("net::ERR_CONNECTION_REFUSED")
	r.submit("info", "some-key")
	r.expectAnswer("offline", "could not be reached")
}

// TestPageOff checks that a daemon without the page answers its root as an unknown path.
func TestPageOff(t *testing.T) {
	t.Parallel()
	d := harness.NewSQLiteShop(t).Serve("--page=off")
	expectStatuses(d, []request{{"GET", "/", "", nil, 404}, {"POST", "/", "do=info", harness.FormHeader, 404}})
}

// TestPageOverPlainHTTP checks that the page works without TLS on a private network, with and without scripts.
func TestPageOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("the-key")
	s.ImportPlans("p,US,5,1 Street,")
	d := s.Serve()
	d.URL = harness.OverLAN(d.URL)
	forEachPageUser(d, func(r pageUser) {
		if harness.Eval[bool](r.Tab, "isSecureContext") {
			r.Fatal("the browser treats " + harness.LANHost + " as secure")
		}
		r.submit("info", "the-key")
		r.expectAnswer("active")
	})
}
