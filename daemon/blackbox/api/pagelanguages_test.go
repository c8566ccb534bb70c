package api_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// pageLanguages are the languages of the page.
var pageLanguages = []string{"en", "de", "es", "fr", "it", "pl", "pt", "tr"}

// ownCode is a generated code, which has 29 characters.
const ownCode = "0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN"

// stockOfTen imports plans in ten countries, so that the list scrolls and can be filtered.
func stockOfTen(s *harness.Shop) {
	for i, country := range strings.Fields("US DE TR PL FR ES IT BR AT CD") {
		s.ImportPlans(fmt.Sprintf("plan-%d,%s,%d,1 Main Street,", i, country, i+1))
	}
}

// TestPageIsAccessible examines the page in every language, light and dark, on a narrow phone and on a desktop: the
// form of an upgrade, the answer for a waiting key with its details, and the stock. The page must not be wider than the
// screen, and the field must show a whole generated code.
func TestPageIsAccessible(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("queued-key")
	stockOfTen(s)
	d := s.Serve()
	d.MustAccept(harness.Upgrade("queued-key", harness.PendingLogin, "US"))
	r := openPage(d, t, true)
	for _, lang := range pageLanguages {
		r.Do(chromedp.Navigate(d.URL + "/?lang=" + lang))
		r.submit("info", "queued-key")
		r.waitAnswer("in_queue")
		r.Do(chromedp.Click(chromedp.CSS(".wire summary")), chromedp.Click(chromedp.CSS("input[value=upgrade]")))
		harness.Eval[string](r.Tab, fmt.Sprintf("document.getElementById('key').value = %q", ownCode))
		r.checkView(lang, 320, false)
		r.checkView(lang, 1280, true)
		if lang == "en" { // the colors and the layout are the same in all languages
			r.checkView(lang, 320, true)
			r.checkView(lang, 1280, false)
		}
	}
}

// checkView examines the page on a screen of a width, in the light or in the dark style.
func (r pageUser) checkView(lang string, width int64, dark bool) {
	r.Helper()
	r.SetViewport(width, dark)
	name := fmt.Sprintf("%s, %d pixels, dark: %t", lang, width, dark)
	r.CheckAccessible(name)
	r.CheckWidth(name, width)
	if cut := harness.Eval[int](r.Tab, "(() => { const k = document.getElementById('key'); return k.scrollWidth - k.clientWidth; })()"); cut > 0 {
		r.Errorf("%s: %d pixels of the code are cut", name, cut)
	}
}

// TestAxeFindsFaults checks that [harness.Tab.AxeViolations] finds planted faults.
func TestAxeFindsFaults(t *testing.T) {
	t.Parallel()
	b := harness.OpenTab(t)
	b.Do(chromedp.Navigate("data:text/html,<title>x</title><html lang=en><main><h1>x</h1><p style='color:%23aaa'>faint</p><input>"))
	found := strings.Join(b.AxeViolations(), "\n")
	for _, rule := range []string{"color-contrast", "label"} {
		if !strings.Contains(found, rule+": ") {
			t.Errorf("%s is not found in %s", rule, found)
		}
	}
}

// TestPageRemembersKey follows a link with a key, such as one in a mail, and reloads the page. Only the fragment of the
// URL has the key, because no request contains the fragment. The tab reports requests with the key in their URL.
func TestPageRemembersKey(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("linked+%key")
	stockOfTen(s)
	d := s.Serve()
	r := openPage(d, t, true)
	r.Do(chromedp.Navigate(d.URL + "/?lang=de#linked%2B%25key"))
	r.Eventually("the key is filled in", "document.getElementById('key').value === 'linked+%key'")
	if asked := harness.Eval[bool](r.Tab, "document.querySelector('#slot > *') !== null"); asked {
		t.Error("the page has checked the key unasked")
	}
	r.Do(chromedp.Click(chromedp.CSS("#ask [type=submit]")))
	r.expectAnswer("active", "Bereit")
	r.Do(chromedp.Reload())
	r.waitAnswer("active")
	r.Do(chromedp.Click(chromedp.CSS(".languages summary")), chromedp.Click(chromedp.CSS("[hreflang=pl]")))
	r.WaitText("Sprawdź klucz")
	r.Eventually("the key is still there", "document.getElementById('key').value === 'linked+%key'")
	r.submit("info", "no-key")
	r.expectAnswer("not_exist", "Nie znaleziono tego klucza")
	r.Do(chromedp.SendKeys(chromedp.CSS("#key"), "2"))
	r.Eventually("the mark goes when the field is changed", "!document.querySelector('[aria-invalid]') && document.getElementById('key-error').textContent === ''")
	r.Do(chromedp.Reload())
	r.Eventually("an unknown key is filled in", "document.getElementById('key').value === 'no-key'")
	if asked := harness.Eval[bool](r.Tab, "document.querySelector('#slot > *') !== null"); asked {
		t.Error("the page has checked an unknown key again")
	}
}

// TestPageHelpsToFillTheForm uses the buttons of the form with and without a script. It also filters the stock, and
// reads dates.
func TestPageHelpsToFillTheForm(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.ImportKeys("code,used,status,username,used_date", "fresh-key,,,,", "old-key,1,success,someone,2026-06-02T22:30:00Z")
	stockOfTen(s)
	d := s.Serve()
	forEachPageUser(d, func(r pageUser) {
		r.submit("info", "fresh-key")
		r.expectAnswer("active", "Ready to use")
		r.Do(chromedp.Click(chromedp.CSS("form.next button")))
		r.Eventually("the form of an upgrade has the key", "document.getElementById('key').value === 'fresh-key' && document.querySelector('[value=upgrade]').checked")
		r.submit("info", "old-key")
		r.expectAnswer("success")
		if title := harness.Eval[string](r.Tab, "document.querySelector('#slot time').title"); title != "2026-06-02 22:30 UTC" {
			r.Errorf("the title of the date is %q", title)
		}
		if r.hasScript() {
			r.CheckAccessible("the answer for a used key")
		}
		r.Do(chromedp.Click(chromedp.CSS("form.next button")))
		r.Eventually("the form of a renew has the key", "document.getElementById('key').value === 'old-key' && document.querySelector('[value=renew]').checked")
		if wire := harness.Eval[bool](r.Tab, "document.body.innerText.includes('failed_upgrade') || /\\bsuccess\\b/.test(document.body.innerText)"); wire {
			r.Error("the page shows a status of the API outside of the details")
		}
	})
	r := openPage(d, t, true)
	r.Do(chromedp.Click(chromedp.CSS("[value=upgrade]")), chromedp.SendKeys(chromedp.CSS("#pwd"), harness.Password), chromedp.Click(chromedp.CSS("#reveal")))
	if shown := harness.Eval[string](r.Tab, "document.getElementById('pwd').type + document.getElementById('reveal').ariaPressed"); shown != "texttrue" {
		t.Errorf("after the button, the field is %q", shown)
	}
	r.Do(chromedp.Click(chromedp.CSS("#ask [type=submit]")))
	r.expectFieldError("key")
	r.Do(chromedp.Click(chromedp.CSS(".languages summary")))
	r.CheckAccessible("a marked field and the languages")
	if shown := harness.Eval[string](r.Tab, "document.getElementById('pwd').type"); shown != "password" {
		t.Errorf("after the form was sent, the field is %q", shown)
	}
	for text, want := range map[string]string{"TURK": "Türkiye", "cd": "Democratic Republic of the Congo", "nowhere": "", "s": ""} {
		harness.Eval[string](r.Tab, "document.getElementById('filter-text').value = ''")
		r.Do(chromedp.SendKeys(chromedp.CSS("#filter-text"), text))
		got := harness.Eval[string](r.Tab, "[...document.querySelectorAll('.stock li')].filter((i) => !i.hidden).map((i) => i.firstElementChild.textContent).join()")
		if want != "" && got != want || text == "nowhere" && got != "" {
			t.Errorf("%s finds %q", text, got)
		}
	}
	r.Do(chromedp.Focus(chromedp.CSS(".stock ul")), chromedp.KeyEvent(kb.ArrowDown))
	if focus := harness.Eval[string](r.Tab, "document.activeElement.tagName"); focus != "UL" {
		t.Errorf("the list of the stock cannot be focused: %s", focus)
	}
}

// TestPageScreenshots takes pictures of the page in three languages. It runs only with the flag -artifacts.
func TestPageScreenshots(t *testing.T) {
	if kept := flag.Lookup("test.artifacts"); kept == nil || kept.Value.String() != "true" {
		t.Skip("pictures need -artifacts")
	}
	s := harness.NewSQLiteShop(t)
	s.ImportKeys("code,used,status,message,username,verify_address,used_date,purchase_date", ownCode+",,,,,,,2026-05-30",
		"old-key,1,success,,someone,1 Main Street,2026-06-02T22:30:00Z,2026-05-30", "failed-key,,failed_upgrade,Wrong address,,,,2026-05-30", "queued-key,,,,,,,")
	stockOfTen(s)
	d := s.Serve("--brand", "Seat Shop", "--page-color", "#0a6a5d")
	d.MustAccept(harness.Upgrade("queued-key", harness.PendingLogin, "US"))
	for _, lang := range []string{"en", "de", "pl"} {
		r := openPage(d, t, true)
		r.Do(chromedp.Navigate(d.URL + "/?lang=" + lang))
		for _, key := range []string{ownCode, "old-key", "queued-key", "no-key"} {
			r.submit("info", key)
			r.Eventually("there is an answer", "document.querySelector('#slot > *') !== null")
			r.Screenshots(lang + "-" + key)
		}
		r.submit("upgrade", ownCode, "login", "someone", "pwd", harness.Password)
		r.Eventually("there is an answer", "document.querySelector('#slot > *') !== null")
		r.Do(chromedp.Click(chromedp.CSS(".languages summary")))
		r.Screenshots(lang + "-refused")
	}
}
