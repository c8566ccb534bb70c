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

// A reader is a key's holder at the page.
type reader struct {
	*tab
	d *daemon
}

// eachReader runs a test with a browser that has script, and with one that has none.
func (d *daemon) eachReader(test func(r reader)) {
	d.Run("script", func(t *testing.T) { test(d.reads(t, true)) })
	d.Run("scriptless", func(t *testing.T) { test(d.reads(t, false)) })
}

// reads opens the page of a daemon. No URL may have what the reader types.
func (d *daemon) reads(t *testing.T, script bool) reader {
	t.Helper()
	b := openTab(t)
	if !script {
		b.scriptless()
	}
	b.secret(password, "@example.com", "-key")
	b.do(chromedp.Navigate(d.url + "/?utm=1"))
	return reader{b, d}
}

// asks fills the form and sends it: what to do, the key, and pairs of other fields and their values.
func (r reader) asks(do, key string, fields ...string) {
	r.Helper()
	r.do(chromedp.Click(chromedp.CSS("input[value=" + do + "]")))
	for pair := range slices.Chunk(append([]string{"key", key}, fields...), 2) {
		eval[string](r.tab, fmt.Sprintf("document.getElementById(%q).value = %q", pair[0], ""))
		switch {
		case pair[0] == "country":
			r.do(chromedp.SetValue(chromedp.CSS("#country"), pair[1]))
		case pair[1] != "":
			r.do(chromedp.SendKeys(chromedp.CSS("#"+pair[0]), pair[1]))
		}
	}
	eval[string](r.tab, "document.getElementById('slot').textContent = ''")
	r.do(chromedp.Click(chromedp.CSS("#ask button")))
}

// shows waits for an answer of that state, which must have the focus and say all that; nothing secret
// may be in the page that came with it.
func (r reader) shows(state string, texts ...string) {
	r.Helper()
	r.becomes(state)
	r.until("the answer has the focus", "document.activeElement.dataset.state !== undefined")
	for _, text := range texts {
		r.sees(text)
	}
	html := eval[string](r.tab, "document.documentElement.outerHTML")
	if strings.Contains(html, password) || strings.Contains(html, "@example.com") {
		r.Errorf("the page that says %s has a login, a password or an email address", state)
	}
}

// becomes waits for an answer of that state, without a hand being moved.
func (r reader) becomes(state string) {
	r.Helper()
	r.until("the answer is "+state, fmt.Sprintf("document.querySelector('#slot > [data-state=%q]') !== null", state))
}

// ends waits until a task has ended so. Without script the reader has to ask.
func (r reader) ends(state string) {
	r.Helper()
	r.until("the task ends as "+state, fmt.Sprintf(`(() => {
		const again = document.querySelector('.answer:not(.watching) form.again');
		if (again) again.submit();
		return document.querySelector('#slot > [data-state=%q]') !== null;
	})()`, state))
}

func TestPageChecksKeys(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.importKeys("code,used,status,message,invite,address,username,verify_address,used_date,revoked",
		"active-key,,,,,,,,,", "used-key,1,,,,,,,,", "gone-key,,,,,,,,,1", "legacy-key,,,,https://join.example/abc,2 Example Street,,,,",
		"success-key,1,success,,,,someone,1 Example Street,2026-06-02,", "failed-key,1,failed,The account provided is still premium,,,,,,",
		"upgrade-key,,failed_upgrade,Wrong address,,,,,,", "renewed-key,,success_renew,Key Renewed,,,,,2026-06-02,", "queued-key,,,,,,,,,")
	s.importPlans("p,US,5,,", "q,DE,12,,", "r,TR,1,,")
	d := s.serve()
	d.accepted(upgrade("queued-key", pending, "US"))
	d.eachReader(func(r reader) {
		r.sees("4 slots")
		r.sees("1 slot")
		r.screenshots("start")
		for _, c := range [][]string{
			{"active-key", "active", "Ready to use"},
			{"used-key", "used", "This key is in use"},
			{"legacy-key", "legacy", "https://join.example/abc", "2 Example Street"},
			{"success-key", "success", "someone", "1 Example Street", "2 June 2026"},
			{"failed-key", "failed", messages["still_premium"]},
			{"upgrade-key", "failed_upgrade", messages["wrong_address"], "can be used again"},
			{"renewed-key", "success_renew", "Key Renewed"},
			{"queued-key", "in_queue", "In progress"},
			{"gone-key", "not_exist", unknownKey},
			{"no-key<b>", "not_exist", unknownKey},
			{"", "not_exist", unknownKey},
		} {
			r.asks("info", c[0])
			r.shows(c[1], c[2:]...)
			if c[1] == "legacy" || c[1] == "success" {
				r.screenshots(c[1])
			}
		}
	})
}

func TestPageUpgrades(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("first-key", "second-key", "third-key", "fourth-key")
		s.importPlans("p,US,5,1 Main Street,", "q,DE,12,,")
		d := s.serve("--task-attempts", "1")
		keys := []string{"first-key", "second-key", "third-key", "fourth-key"}
		d.eachReader(func(r reader) {
			key, open := keys[0], keys[1]
			keys = keys[2:]
			r.asks("upgrade", key)
			r.shows("refused", passwordMissing)
			r.asks("upgrade", key, "pwd", password, "country", "US")
			r.shows("refused", loginMissing)
			r.asks("upgrade", key, "pwd", password, "login", "l@example.com", "country", "")
			r.shows("refused", countryInvalid)
			r.screenshots("refused")
			r.asks("upgrade", "no-key", "pwd", password, "login", "l@example.com", "country", "US")
			r.shows("not_exist", unknownKey)
			r.asks("renew", key, "pwd", password, "login", "l@example.com", "country", "US")
			r.shows("refused", keyUnused)
			r.asks("upgrade", key, "pwd", password, "login", "l@example.com", "country", "FR")
			r.shows("accepted", sentence(upgradeSent))
			r.ends("failed_upgrade")
			r.sees(messages["out_of_stock"])
			r.asks("upgrade", open, "pwd", password, "login", pending, "country", "US")
			r.shows("accepted", sentence(upgradeSent), "In progress")
			r.screenshots("accepted")
			r.asks("upgrade", open, "pwd", password, "login", "l@example.com", "country", "US")
			r.shows("refused", upgradeOpen)
			r.asks("upgrade", key, "pwd", password, "login", "slow=1500+success@example.com", "country", "US")
			r.shows("accepted", sentence(upgradeSent), "In progress")
			r.ends("success")
			r.sees("1 Main Street")
			r.asks("upgrade", key, "pwd", password, "login", "l@example.com", "country", "US")
			r.shows("refused", keyUsed)
			if stored := eval[string](r.tab, "document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)"); stored != "" {
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
	s := onSQLite(t)
	s.importKeys("code,used,invite", "script-key,1,", "scriptless-key,1,", "script-key-2,1,", "scriptless-key-2,1,", "legacy-key,1,inv")
	d := s.serve()
	d.eachReader(func(r reader) {
		_, name, _ := strings.Cut(r.Name(), "/")
		key := name + "-key"
		account := []string{"login", "slow=1000+success@example.com", "country", "FR", "pwd"}
		r.asks("renew", key, append(account, "short")...)
		r.shows("refused", passwordWeak)
		r.asks("renew", key, append(account, password, "newemail", "nonsense")...)
		r.shows("refused", emailInvalid)
		r.asks("renew", "legacy-key", append(account, password, "newemail", "")...)
		r.shows("refused", keyLegacy)
		r.screenshots("legacy-refused")
		r.asks("renew", key, append(account, password, "newemail", "new@example.com", "country", "")...)
		r.shows("refused", countryInvalid)
		for _, one := range []struct{ key, country, email string }{{key, "FR", "new@example.com"}, {key + "-2", "", ""}} {
			r.asks("renew", one.key, append(account, password, "country", one.country, "newemail", one.email)...)
			r.shows("accepted", sentence(renewSent))
			r.ends("success_renew")
			r.sees("Key Renewed")
		}
	})
}

func TestPageTellsOfLimits(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("some-key", "slow-key")
	s.importPlans("p,US,5,,")
	d := s.serve("--unknown-key-limit", "1", "--trusted-proxies", "127.0.0.1")
	d.eachReader(func(r reader) {
		r.expect(http.StatusTooManyRequests)
		r.asks("info", "no-key")
		r.becomesEither("not_exist", "limited")
		r.asks("info", "some-key")
		r.shows("limited", "Too many requests, try again later", "You can try again in")
	})
}

// becomesEither waits for one of two states: readers from one address share its limit.
func (r reader) becomesEither(x, y string) {
	r.Helper()
	r.until(x+" or "+y, fmt.Sprintf("document.querySelector('#slot > [data-state=%q], #slot > [data-state=%q]') !== null", x, y))
}

// TestPageTellsThatItIsStopping has a daemon drain, which waits for a provider that is slow.
func TestPageTellsThatItIsStopping(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("some-key", "slow-key")
	s.importPlans("p,US,5,,")
	d := s.serve("--drain", "1m")
	readers := []reader{d.reads(t, true), d.reads(t, false)}
	d.accepted(upgrade("slow-key", "slow=50000+success@example.com", "US"))
	s.until("the provider is asked", func() bool { return len(s.provider.Requests()) > 0 })
	d.signal(terminate)
	s.until("the daemon drains", func() bool { return d.ready() == http.StatusServiceUnavailable })
	for _, r := range readers {
		r.expect(http.StatusServiceUnavailable)
		r.asks("info", "some-key")
		r.shows("away", messages["system_error"])
	}
	r := readers[0]
	r.do(chromedp.Navigate(d.url + "/"))
	r.shows("away", messages["system_error"])
	d.kill()
	r.expectFault("net::ERR_CONNECTION_REFUSED")
	r.asks("info", "some-key")
	r.shows("offline", "could not be reached")
}

// TestPageByKeyboard does everything without a pointer.
func TestPageByKeyboard(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("some-key")
	s.importPlans("p,US,5,1 Main Street,")
	r := s.serve().reads(t, true)
	for _, keys := range []string{
		kb.Tab, kb.ArrowRight, kb.Tab, "some-key", kb.Tab, "l@example.com", kb.Tab, password, kb.Tab, "Unit", kb.Enter,
	} {
		r.do(chromedp.KeyEvent(keys))
	}
	if country := eval[string](r.tab, "document.getElementById('country').value"); country != "US" {
		t.Errorf("the country is %q", country)
	}
	r.do(chromedp.Focus(chromedp.CSS("#pwd")), chromedp.KeyEvent(kb.Enter))
	r.shows("accepted", sentence(upgradeSent))
	if left := eval[string](r.tab, "document.getElementById('pwd').value + document.getElementById('login').value"); left != "" {
		t.Error("login or password is still in the form")
	}
	r.becomes("success")
	r.until("the focus stays with the answer", "document.activeElement.dataset.state === 'success'")
}

// TestPageAnnounces holds that what happens while the reader is elsewhere on the page is told, and the
// focus left where it is.
func TestPageAnnounces(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("some-key")
	s.importPlans("p,US,5,,")
	d := s.serve()
	d.accepted(upgrade("some-key", pending, "US"))
	r := d.reads(t, true)
	r.asks("info", "some-key")
	r.shows("in_queue")
	r.do(chromedp.Focus(chromedp.CSS("#key")))
	s.must("keys", "revoke", "some-key")
	r.becomes("not_exist")
	r.until("it is announced", "document.getElementById('live').textContent.includes('We do not know this key')")
	if focus := eval[string](r.tab, "document.activeElement.id"); focus != "key" {
		t.Errorf("the focus has moved to %q", focus)
	}
}

// TestPageIsNamed holds that whoever does not see the page is told what everything in it is.
func TestPageIsNamed(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("some-key")
	s.importPlans("p,US,5,,")
	d := s.serve()
	d.accepted(upgrade("some-key", pending, "US"))
	d.eachReader(func(r reader) {
		r.asks("info", "some-key")
		r.shows("in_queue")
		r.do(chromedp.Click(chromedp.CSS("input[value=renew]")))
		names := r.names()
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

// TestPageIsOff holds that the root is then like any other path.
func TestPageIsOff(t *testing.T) {
	t.Parallel()
	d := onSQLite(t).serve("--page=off")
	d.makes([]call{{"GET", "/", "", nil, 404}, {"POST", "/", "do=info", asForm, 404}})
}
