package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A pageUser is the holder of a key, who uses the page in a tab.
type pageUser struct {
	*harness.Tab
	d *harness.Daemon
}

// forEachPageUser runs a test with scripts and without.
func forEachPageUser(d *harness.Daemon, test func(r pageUser)) {
	d.Run("script", func(t *testing.T) { test(openPage(d, t, true)) })
	d.Run("scriptless", func(t *testing.T) { test(openPage(d, t, false)) })
}

// openPage opens the page of a daemon. No URL may contain what the user types.
func openPage(d *harness.Daemon, t *testing.T, script bool) pageUser {
	t.Helper()
	b := harness.OpenTab(t)
	if !script {
		b.DisableScript()
	}
	b.AddSecrets(harness.Password, "@example.com", "-key")
	b.Do(chromedp.Navigate(d.URL + "/?utm=1"))
	return pageUser{b, d}
}

// hasScript reports whether the page's script runs. Then dates are those of the browser's language.
func (r pageUser) hasScript() bool { return strings.HasSuffix(r.Name(), "/script") }

// submit fills in the form and sends it. The fields are pairs of names and values.
func (r pageUser) submit(do, key string, fields ...string) {
	r.Helper()
	r.Eventually("the page has set its focus", "document.querySelector('[autofocus]') === null || document.activeElement !== document.body")
	r.Do(chromedp.Click(chromedp.CSS("input[value=" + do + "]")))
	for pair := range slices.Chunk(append([]string{"key", key}, fields...), 2) {
		harness.Eval[string](r.Tab, fmt.Sprintf("document.getElementById(%q).value = %q", pair[0], ""))
		switch {
		case pair[0] == "country":
			r.Do(chromedp.SetValue(chromedp.CSS("#country"), pair[1]))
		case pair[1] != "":
			r.Do(chromedp.SendKeys(chromedp.CSS("#"+pair[0]), pair[1]))
		}
	}
	harness.Eval[string](r.Tab, "document.getElementById('slot').textContent = ''")
	r.Do(chromedp.Click(chromedp.CSS("#ask [type=submit]")))
}

// expectAnswer waits for an answer with a state, and checks that the page shows the texts and no secret. The focus must
// be on the answer, or on the field that the answer is about.
func (r pageUser) expectAnswer(state string, texts ...string) {
	r.Helper()
	r.waitAnswer(state)
	r.Eventually("the answer or its field has the focus", `(() => {
		const field = document.querySelector('#slot > *').dataset.field, focus = document.activeElement;
		return field ? focus.name === field && focus.getAttribute('aria-invalid') === 'true' : focus.dataset.state !== undefined;
	})()`)
	for _, text := range texts {
		r.WaitText(text)
	}
	html := harness.Eval[string](r.Tab, "document.documentElement.outerHTML")
	if strings.Contains(html, harness.Password) || strings.Contains(html, "@example.com") {
		r.Errorf("the page with the state %s has a login, a password or an email address", state)
	}
}

// waitAnswer waits for an answer with a state, without any action of the user.
func (r pageUser) waitAnswer(state string) {
	r.Helper()
	r.Eventually("the answer is "+state, fmt.Sprintf("document.querySelector('#slot > [data-state=%q]') !== null", state))
}

// expectFieldError waits until a field is marked, has the focus and shows a text.
func (r pageUser) expectFieldError(field string) {
	r.Helper()
	r.Eventually("the field "+field+" is marked", fmt.Sprintf(`(() => {
		const field = document.getElementById(%[1]q), error = document.getElementById(%[1]q + '-error');
		return document.activeElement === field && field.getAttribute('aria-invalid') === 'true' && error.innerText !== '' && field.getAttribute('aria-describedby').includes(error.id);
	})()`, field))
}

// waitTaskEnd waits until the page shows the end of a task. Without scripts the user presses a button for that, once on
// each page. A second press would cancel the request of the first one, again and again if the answer takes long. While
// the page loads, the form may lack its fields.
func (r pageUser) waitTaskEnd(state string) {
	r.Helper()
	r.Eventually("the task ends as "+state, fmt.Sprintf(`(() => {
		const again = document.querySelector('.answer:not(.watching) form.again');
		if (again && document.readyState !== 'loading' && !again.pressed) {
			again.pressed = true;
			again.submit();
		}
		return document.querySelector('#slot > [data-state=%q]') !== null;
	})()`, state))
}

// sentence returns the message in the body of an answer of the API.
func sentence(body string) string {
	_, text, _ := strings.Cut(body, `"message":"`)
	return strings.TrimSuffix(text, `"}`)
}

// waitEitherAnswer waits for one of two states. Which of them it is depends on the other users of the address, which
// share a limit.
func (r pageUser) waitEitherAnswer(x, y string) {
	r.Helper()
	r.Eventually(x+" or "+y, fmt.Sprintf("document.querySelector('#slot > [data-state=%q], #slot > [data-state=%q]') !== null", x, y))
}

// TestPageWorksByKeyboard uses the page with the keyboard only.
func TestPageWorksByKeyboard(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("some-key")
	s.ImportPlans("p,US,5,1 Main Street,")
	r := openPage(s.Serve(), t, true)
	for _, keys := range []string{
		kb.Tab, kb.Tab, kb.ArrowRight, kb.Tab, "some-key", kb.Tab, "l@example.com", kb.Tab, harness.Password, kb.Tab, kb.Tab, "Unit", kb.Enter,
	} {
		r.Do(chromedp.KeyEvent(keys))
	}
	if country := harness.Eval[string](r.Tab, "document.getElementById('country').value"); country != "US" {
		t.Errorf("the country is %q", country)
	}
	r.Do(chromedp.Focus(chromedp.CSS("#pwd")), chromedp.KeyEvent(kb.Enter))
	r.expectAnswer("accepted", sentence(harness.UpgradeSent))
	if left := harness.Eval[string](r.Tab, "document.getElementById('pwd').value + document.getElementById('login').value"); left != "" {
		t.Error("login or password is still in the form")
	}
	r.waitAnswer("success")
	r.Eventually("the focus stays with the answer", "document.activeElement.dataset.state === 'success'")
}

// TestPageAnnouncesChanges checks that a screen reader announces a change while the user is elsewhere on the page, and
// that the focus does not move.
func TestPageAnnouncesChanges(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("some-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve()
	d.MustAccept(harness.Upgrade("some-key", harness.PendingLogin, "US"))
	r := openPage(d, t, true)
	r.submit("info", "some-key")
	r.expectAnswer("in_queue")
	r.Do(chromedp.Focus(chromedp.CSS("#key")))
	s.MustExec("keys", "revoke", "some-key")
	r.waitAnswer("not_exist")
	r.Eventually("it is announced", "document.getElementById('live').textContent.includes('We do not know this key')")
	if focus := harness.Eval[string](r.Tab, "document.activeElement.id"); focus != "key" {
		t.Errorf("the focus has moved to %q", focus)
	}
}

// TestPageHasAccessibleNames checks that every element of the page has a name for assistive technology.
func TestPageHasAccessibleNames(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("some-key")
	s.ImportPlans("p,US,5,,")
	d := s.Serve()
	d.MustAccept(harness.Upgrade("some-key", harness.PendingLogin, "US"))
	forEachPageUser(d, func(r pageUser) {
		r.submit("info", "some-key")
		r.expectAnswer("in_queue")
		r.Do(chromedp.Click(chromedp.CSS("input[value=renew]")))
		names := r.AccessibleNames()
		for _, want := range []string{
			"heading: Check or use your key", "navigation: Language", "group: What would you like to do?", "radio: Check", "radio: Upgrade", "radio: Renew",
			"textbox: Key", "textbox: Account login", "textbox: Account password", "combobox: Country of the account (needed only with a new email address)",
			"textbox: New email address (optional)", "button: Send the renew", "heading: Your request is under way",
			"progressbar: Your request is being worked on", "button: Check again", "heading: Free slots", "status: ",
		} {
			if !slices.Contains(names, want) {
				r.Errorf("the page lacks %q: %q", want, names[:min(len(names), 90)])
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
