package blackbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A pageUser is a key's holder at the page.
type pageUser struct {
	*Tab
	d *Daemon
}

// forEachPageUser runs a test with a browser that has script, and with one that has none.
func (d *Daemon) forEachPageUser(test func(r pageUser)) {
	d.Run("script", func(t *testing.T) { test(d.openPage(t, true)) })
	d.Run("scriptless", func(t *testing.T) { test(d.openPage(t, false)) })
}

// openPage opens the page of a daemon. No URL may have what the reader types.
func (d *Daemon) openPage(t *testing.T, script bool) pageUser {
	t.Helper()
	b := OpenTab(t)
	if !script {
		b.DisableScript()
	}
	b.AddSecrets(Password, "@example.com", "-key")
	b.Do(chromedp.Navigate(d.URL + "/?utm=1"))
	return pageUser{b, d}
}

// submit fills the form and sends it: what to do, the key, and pairs of other fields and their values.
func (r pageUser) submit(do, key string, fields ...string) {
	r.Helper()
	r.Do(chromedp.Click(chromedp.CSS("input[value=" + do + "]")))
	for pair := range slices.Chunk(append([]string{"key", key}, fields...), 2) {
		Eval[string](r.Tab, fmt.Sprintf("document.getElementById(%q).value = %q", pair[0], ""))
		switch {
		case pair[0] == "country":
			r.Do(chromedp.SetValue(chromedp.CSS("#country"), pair[1]))
		case pair[1] != "":
			r.Do(chromedp.SendKeys(chromedp.CSS("#"+pair[0]), pair[1]))
		}
	}
	Eval[string](r.Tab, "document.getElementById('slot').textContent = ''")
	r.Do(chromedp.Click(chromedp.CSS("#ask button")))
}

// expectAnswer waits for an answer of that state, which must have the focus and say all that; nothing secret
// may be in the page that came with it.
func (r pageUser) expectAnswer(state string, texts ...string) {
	r.Helper()
	r.waitAnswer(state)
	r.Eventually("the answer has the focus", "document.activeElement.dataset.state !== undefined")
	for _, text := range texts {
		r.WaitText(text)
	}
	html := Eval[string](r.Tab, "document.documentElement.outerHTML")
	if strings.Contains(html, Password) || strings.Contains(html, "@example.com") {
		r.Errorf("the page that says %s has a login, a password or an email address", state)
	}
}

// waitAnswer waits for an answer of that state, without a hand being moved.
func (r pageUser) waitAnswer(state string) {
	r.Helper()
	r.Eventually("the answer is "+state, fmt.Sprintf("document.querySelector('#slot > [data-state=%q]') !== null", state))
}

// waitTaskEnd waits until a task has ended so. Without script the reader has to ask.
func (r pageUser) waitTaskEnd(state string) {
	r.Helper()
	r.Eventually("the task ends as "+state, fmt.Sprintf(`(() => {
		const again = document.querySelector('.answer:not(.watching) form.again');
		if (again) again.submit();
		return document.querySelector('#slot > [data-state=%q]') !== null;
	})()`, state))
}

func TestPageChecksKeys(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.ImportKeys("code,used,status,message,invite,address,username,verify_address,used_date,revoked",
		"active-key,,,,,,,,,", "used-key,1,,,,,,,,", "gone-key,,,,,,,,,1", "legacy-key,,,,https://join.example/abc,2 Example Street,,,,",
		"success-key,1,success,,,,someone,1 Example Street,2026-06-02,", "failed-key,1,failed,The account provided is still premium,,,,,,",
		"upgrade-key,,failed_upgrade,Wrong address,,,,,,", "renewed-key,,success_renew,Key Renewed,,,,,2026-06-02,", "queued-key,,,,,,,,,")
	s.ImportPlans("p,US,5,,", "q,DE,12,,", "r,TR,1,,")
	d := s.Serve()
	d.MustAccept(Upgrade("queued-key", PendingLogin, "US"))
	d.forEachPageUser(func(r pageUser) {
		r.WaitText("4 slots")
		r.WaitText("1 slot")
		r.Screenshots("start")
		for _, c := range [][]string{
			{"active-key", "active", "Ready to use"},
			{"used-key", "used", "This key is in use"},
			{"legacy-key", "legacy", "https://join.example/abc", "2 Example Street"},
			{"success-key", "success", "someone", "1 Example Street", "2 June 2026"},
			{"failed-key", "failed", Messages["still_premium"]},
			{"upgrade-key", "failed_upgrade", Messages["wrong_address"], "can be used again"},
			{"renewed-key", "success_renew", "Key Renewed"},
			{"queued-key", "in_queue", "In progress"},
			{"gone-key", "not_exist", UnknownKey},
			{"no-key<b>", "not_exist", UnknownKey},
			{"", "not_exist", UnknownKey},
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
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("first-key", "second-key", "third-key", "fourth-key")
		s.ImportPlans("p,US,5,1 Main Street,", "q,DE,12,,")
		d := s.Serve("--task-attempts", "1")
		keys := []string{"first-key", "second-key", "third-key", "fourth-key"}
		d.forEachPageUser(func(r pageUser) {
			key, open := keys[0], keys[1]
			keys = keys[2:]
			r.submit("upgrade", key)
			r.expectAnswer("refused", PasswordMissing)
			r.submit("upgrade", key, "pwd", Password, "country", "US")
			r.expectAnswer("refused", LoginMissing)
			r.submit("upgrade", key, "pwd", Password, "login", "l@example.com", "country", "")
			r.expectAnswer("refused", CountryInvalid)
			r.Screenshots("refused")
			r.submit("upgrade", "no-key", "pwd", Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("not_exist", UnknownKey)
			r.submit("renew", key, "pwd", Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("refused", KeyUnused)
			r.submit("upgrade", key, "pwd", Password, "login", "l@example.com", "country", "FR")
			r.expectAnswer("accepted", sentence(UpgradeSent))
			r.waitTaskEnd("failed_upgrade")
			r.WaitText(Messages["out_of_stock"])
			r.submit("upgrade", open, "pwd", Password, "login", PendingLogin, "country", "US")
			r.expectAnswer("accepted", sentence(UpgradeSent), "In progress")
			r.Screenshots("accepted")
			r.submit("upgrade", open, "pwd", Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("refused", UpgradeOpen)
			r.submit("upgrade", key, "pwd", Password, "login", "slow=1500+success@example.com", "country", "US")
			r.expectAnswer("accepted", sentence(UpgradeSent), "In progress")
			r.waitTaskEnd("success")
			r.WaitText("1 Main Street")
			r.submit("upgrade", key, "pwd", Password, "login", "l@example.com", "country", "US")
			r.expectAnswer("refused", KeyUsed)
			if stored := Eval[string](r.Tab, "document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)"); stored != "" {
				r.Errorf("the page keeps %q", stored)
			}
		})
	})
}

// sentence is what a body of the API says.
func sentence(body string) string {
	_, text, _ := strings.Cut(body, `"message":"`)
	return strings.TrimSuffix(text, `"}`)
}

func TestPageRenews(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.ImportKeys("code,used,invite", "script-key,1,", "scriptless-key,1,", "script-key-2,1,", "scriptless-key-2,1,", "legacy-key,1,inv")
	d := s.Serve()
	d.forEachPageUser(func(r pageUser) {
		_, name, _ := strings.Cut(r.Name(), "/")
		key := name + "-key"
		account := []string{"login", "slow=1000+success@example.com", "country", "FR", "pwd"}
		r.submit("renew", key, append(account, "short")...)
		r.expectAnswer("refused", PasswordWeak)
		r.submit("renew", key, append(account, Password, "newemail", "nonsense")...)
		r.expectAnswer("refused", EmailInvalid)
		r.submit("renew", "legacy-key", append(account, Password, "newemail", "")...)
		r.expectAnswer("refused", KeyLegacy)
		r.Screenshots("legacy-refused")
		r.submit("renew", key, append(account, Password, "newemail", "new@example.com", "country", "")...)
		r.expectAnswer("refused", CountryInvalid)
		for _, one := range []struct{ key, country, email string }{{key, "FR", "new@example.com"}, {key + "-2", "", ""}} {
			r.submit("renew", one.key, append(account, Password, "country", one.country, "newemail", one.email)...)
			r.expectAnswer("accepted", sentence(RenewSent))
			r.waitTaskEnd("success_renew")
			r.WaitText("Key Renewed")
		}
	})
}

func TestPageShowsLimits(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("some-key", "slow-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--unknown-key-limit", "1", "--trusted-proxies", "127.0.0.1")
	d.forEachPageUser(func(r pageUser) {
		r.ExpectStatus(http.StatusTooManyRequests)
		r.submit("info", "no-key")
		r.waitEitherAnswer("not_exist", "limited")
		r.submit("info", "some-key")
		r.expectAnswer("limited", "Too many requests, try again later", "You can try again in")
	})
}

// waitEitherAnswer waits for one of two states: readers from one address share its limit.
func (r pageUser) waitEitherAnswer(x, y string) {
	r.Helper()
	r.Eventually(x+" or "+y, fmt.Sprintf("document.querySelector('#slot > [data-state=%q], #slot > [data-state=%q]') !== null", x, y))
}

// TestPageShowsUnavailable has a daemon drain, which waits for a provider that is slow.
func TestPageShowsUnavailable(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("some-key", "slow-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--drain", "1m")
	readers := []pageUser{d.openPage(t, true), d.openPage(t, false)}
	d.MustAccept(Upgrade("slow-key", "slow=50000+success@example.com", "US"))
	s.Eventually("the provider is asked", func() bool { return len(s.Provider.Requests()) > 0 })
	d.Signal(Terminate)
	s.Eventually("the daemon drains", func() bool { return d.ReadyStatus() == http.StatusServiceUnavailable })
	for _, r := range readers {
		r.ExpectStatus(http.StatusServiceUnavailable)
		r.submit("info", "some-key")
		r.expectAnswer("away", Messages["system_error"])
	}
	r := readers[0]
	r.Do(chromedp.Navigate(d.URL + "/"))
	r.expectAnswer("away", Messages["system_error"])
	d.Kill()
	r.AllowError("net::ERR_CONNECTION_REFUSED")
	r.submit("info", "some-key")
	r.expectAnswer("offline", "could not be reached")
}

// TestPageWorksByKeyboard does everything without a pointer.
func TestPageWorksByKeyboard(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("some-key")
	s.ImportPlans("p,US,5,1 Main Street,")
	r := s.Serve().openPage(t, true)
	for _, keys := range []string{
		kb.Tab, kb.ArrowRight, kb.Tab, "some-key", kb.Tab, "l@example.com", kb.Tab, Password, kb.Tab, "Unit", kb.Enter,
	} {
		r.Do(chromedp.KeyEvent(keys))
	}
	if country := Eval[string](r.Tab, "document.getElementById('country').value"); country != "US" {
		t.Errorf("the country is %q", country)
	}
	r.Do(chromedp.Focus(chromedp.CSS("#pwd")), chromedp.KeyEvent(kb.Enter))
	r.expectAnswer("accepted", sentence(UpgradeSent))
	if left := Eval[string](r.Tab, "document.getElementById('pwd').value + document.getElementById('login').value"); left != "" {
		t.Error("login or password is still in the form")
	}
	r.waitAnswer("success")
	r.Eventually("the focus stays with the answer", "document.activeElement.dataset.state === 'success'")
}

// TestPageAnnouncesChanges holds that what happens while the reader is elsewhere on the page is told, and the
// focus left where it is.
func TestPageAnnouncesChanges(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("some-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve()
	d.MustAccept(Upgrade("some-key", PendingLogin, "US"))
	r := d.openPage(t, true)
	r.submit("info", "some-key")
	r.expectAnswer("in_queue")
	r.Do(chromedp.Focus(chromedp.CSS("#key")))
	s.MustExec("keys", "revoke", "some-key")
	r.waitAnswer("not_exist")
	r.Eventually("it is announced", "document.getElementById('live').textContent.includes('We do not know this key')")
	if focus := Eval[string](r.Tab, "document.activeElement.id"); focus != "key" {
		t.Errorf("the focus has moved to %q", focus)
	}
}

// TestPageHasAccessibleNames holds that whoever does not see the page is told what everything in it is.
func TestPageHasAccessibleNames(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("some-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve()
	d.MustAccept(Upgrade("some-key", PendingLogin, "US"))
	d.forEachPageUser(func(r pageUser) {
		r.submit("info", "some-key")
		r.expectAnswer("in_queue")
		r.Do(chromedp.Click(chromedp.CSS("input[value=renew]")))
		names := r.AccessibleNames()
		for _, want := range []string{
			"heading: Your key, looked after.", "group: What would you like to do?", "radio: Check", "radio: Upgrade", "radio: Renew",
			"textbox: Key", "textbox: Account login", "textbox: Account password", "combobox: Country of the account (needed only with a new email address)",
			"textbox: New email address (optional)", "button: Send the renew", "heading: Your request is under way",
			"progressbar: Your request is being worked on", "button: Check again", "heading: Free slots", "status: ",
		} {
			if !slices.Contains(names, want) {
				r.Errorf("there is no %q in %q", want, names[:min(len(names), 90)])
			}
		}
		for _, name := range names {
			role, name, _ := strings.Cut(name, ": ")
			if name == "" && slices.Contains([]string{"button", "textbox", "combobox", "radio", "link", "heading", "progressbar"}, role) {
				r.Errorf("a %s has no name", role)
			}
		}
	})
}

// TestPageOff holds that the root is then like any other path.
func TestPageOff(t *testing.T) {
	t.Parallel()
	d := NewSQLiteShop(t).Serve("--page=off")
	d.ExpectStatus([]Request{{"GET", "/", "", nil, 404}, {"POST", "/", "do=info", FormHeader, 404}})
}
