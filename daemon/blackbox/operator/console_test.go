package operator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A consoleUser is an operator at the console, in a browser.
type consoleUser struct {
	*harness.Tab
	o     *harness.Operator
	file  string // the path of the file of tokens
	token string
}

// openConsole starts a daemon with a console, and signs in with a token of a role.
func openConsole(s *harness.Shop, role string, flags ...string) *consoleUser {
	s.Helper()
	o, file := s.ServeAdmin(flags...)
	k := &consoleUser{harness.OpenTab(s.T), o, file, s.AddToken(file, "ann", role)}
	k.AddSecrets(k.token, harness.Password)
	k.signIn(k.token)
	k.WaitText("Overview")
	return k
}

// visit opens a page.
func (k *consoleUser) visit(path string) {
	k.Helper()
	k.Do(chromedp.Navigate(k.o.AdminURL + path))
}

func (k *consoleUser) signIn(token string) {
	k.Helper()
	k.visit("/")
	k.WaitText("Paste a token")
	k.fill("token", token)
	k.press("Sign in")
}

func (k *consoleUser) fill(id, text string) {
	k.Helper()
	k.Do(chromedp.SetValue(chromedp.CSS("#"+id), text))
}

// press clicks the button or the link with a text in the main part of the page.
func (k *consoleUser) press(label string) { k.Helper(); k.pressIn("main", label) }

func (k *consoleUser) pressIn(part, label string) {
	k.Helper()
	find := fmt.Sprintf("[...document.querySelectorAll('%s button, %s a')].find(e => e.innerText.trim() === %q)", part, part, label)
	k.Eventually("there is a button "+label, find+" !== undefined")
	harness.Eval[any](k.Tab, find+".setAttribute('data-pressed', '')")
	k.Do(chromedp.Click(chromedp.CSS("[data-pressed]")))
}

// keyPath returns the path of the page of a key.
func (k *consoleUser) keyPath(code string) string {
	k.Helper()
	v, _ := k.o.SignIn(k.token)
	return harness.KeyPath(v.KeyReference(code))
}

// search searches a key or a task with the form in the header.
func (k *consoleUser) search(text string) {
	k.Helper()
	k.fill("q", text)
	k.pressIn("header", "Find")
}

// hasButton reports whether the page has a button or a link with a text.
func (k *consoleUser) hasButton(label string) bool {
	k.Helper()
	return harness.Eval[bool](k.Tab, fmt.Sprintf("[...document.querySelectorAll('main button, main a')].some(e => e.innerText.trim() === %q)", label))
}

// lastEvent returns the last event of a key, as the command line shows it.
func lastEvent(s *harness.Shop, code string) (last struct{ Event, Note string }) {
	s.Helper()
	var whole struct {
		History []struct{ Event, Note string }
	}
	s.ExecJSON(&whole, "keys", "show", code)
	return whole.History[len(whole.History)-1]
}

// explanation returns the explanation of a key, as the command line shows it.
func explanation(s *harness.Shop, code string) (story struct {
	Now  string
	Next []string
},
) {
	s.Helper()
	var whole struct{ Story json.RawMessage }
	s.ExecJSON(&whole, "keys", "show", code)
	if err := json.Unmarshal(whole.Story, &story); err != nil {
		s.Fatal(err)
	}
	return story
}

// oddCode is a code with characters that have a meaning in URLs.
const oddCode = "a/../%2F?x=1&y#z"

// TestConsoleActions uses every action of the console, and checks the database after each.
func TestConsoleActions(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		k := openConsole(s, "write", "--task-attempts", "1", "--task-backoff=2m")
		s.ImportPlans("p,US,5,1 Street,", "q,DE,2,,")
		s.AddKeys("fresh", "doubt", "spend", "wait", oddCode)
		k.o.MustAccept(harness.Upgrade("doubt", "500_after@example.com", "US"))
		k.o.MustAccept(harness.Upgrade("spend", "success@example.com", "US"))
		k.o.MustAccept(harness.Upgrade("wait", harness.PendingLogin, "US"))
		k.o.WaitEnd("doubt")
		k.o.WaitEnd("spend")
		k.changeKeys()
		k.changeTasks()
		k.retirePlan()
		k.issueKeys()
		k.pressIn("header", "Sign out")
		k.WaitText("Paste a token")
		k.visit("/console/keys")
		k.WaitText("Paste a token")
	})
}

// act opens a page, presses the button of an action, confirms the action and waits for a text.
func (k *consoleUser) act(path, button, question, done string) {
	k.Helper()
	k.visit(path)
	k.press(button)
	k.WaitText(question)
	k.press(button)
	k.WaitText(done)
}

// expectEvent checks the last event of a key.
func (k *consoleUser) expectEvent(code, event string) {
	k.Helper()
	if last := lastEvent(k.o.Shop, code); last.Event != event || last.Note != "by ann" {
		k.Errorf("the history of %s ends with %+v, want %s by ann", code, last, event)
	}
}

func (k *consoleUser) changeKeys() {
	k.Helper()
	for _, code := range []string{"fresh", oddCode} {
		k.act(k.keyPath(code), "Revoke", "Revoke this key?", "The key is revoked.")
		k.expectEvent(code, "revoked")
		k.act(k.keyPath(code), "Restore", "Restore this key?", "The key is restored.")
		k.expectEvent(code, "restored")
	}
	k.act(k.keyPath("spend"), "Reset", "Reset this key?", "The key is reset.")
	k.expectEvent("spend", "reset")
	k.visit(k.keyPath("fresh"))
	k.press("Revoke")
	k.press("Cancel")
	k.WaitText("Next steps")
	if k.o.Info("fresh").Status != "active" {
		k.Error("what was cancelled was done")
	}
	k.visit("/")
	k.Do(chromedp.SendKeys(chromedp.CSS("#q"), "doubt\r"))
	k.WaitText(explanation(k.o.Shop, "doubt").Now)
	k.WaitText("is suspect: check at the provider whether the holder's account has joined it. Then choose Resolve on the page of task")
	if harness.Eval[bool](k.Tab, "document.querySelector('main').innerText.includes('keyseatd')") {
		k.Error("the console names a command")
	}
	k.WaitText("held → suspect")
	k.ExpectStatus(http.StatusNotFound)
	k.search("nobody")
	k.WaitText("Nothing was found for “nobody”")
	k.visit(harness.KeyPath("nobody"))
	k.WaitText("Not found")
}

func (k *consoleUser) changeTasks() {
	k.Helper()
	find := func(code string) harness.Task {
		k.Helper()
		all := k.o.Tasks()
		return all[slices.IndexFunc(all, func(t harness.Task) bool { return t.Code == code })]
	}
	doubt, spend, wait := find("doubt").ID, find("spend").ID, find("wait").ID
	k.visit("/console/tasks?state=suspect")
	k.press(doubt)
	k.press("Resolve")
	k.WaitText("Resolve the suspect slot")
	k.Do(chromedp.SetValue(chromedp.CSS("#outcome"), "success"))
	k.press("Resolve")
	k.WaitText("The slot is resolved.")
	k.expectEvent("doubt", "resolved")
	k.act(harness.TaskPath(spend), "Release the slot", "Free the slot that this task has spent?", "The slot is free again.")
	k.expectEvent("spend", "released")
	if p := k.o.Plans()["p"]; p.Spent != 1 || p.Suspect != 0 || p.Held != 1 {
		k.Errorf("the plan is %+v", p)
	}
	k.o.Eventually("the task waits for another attempt", func() bool { return find("wait").Attempts > 0 && find("wait").Leased == nil })
	k.act(harness.TaskPath(wait), "Retry now", "Make the next attempt of this task now?", "The task is due now.")
	k.o.Eventually("another attempt", func() bool { return find("wait").Attempts > 1 })
	k.ExpectStatus(http.StatusConflict)
	k.visit("/console/task/release?id=" + spend) // as on a page that was opened before
	k.press("Release the slot")
	k.WaitText("The task has spent no slot")
}

func (k *consoleUser) retirePlan() {
	k.Helper()
	k.visit("/console/plans")
	k.Do(chromedp.Click(chromedp.CSS("[aria-label='Retire plan q']")))
	k.WaitText("Retire this plan?")
	k.press("Retire")
	k.WaitText("The plan is retired.")
	if state := k.o.Plans()["q"].State; state != "retired" {
		k.Errorf("the plan is %s", state)
	}
}

// issueKeys makes keys with a form, and checks that sending the form again makes no further keys.
func (k *consoleUser) issueKeys() {
	k.Helper()
	k.visit("/console/issue")
	k.fill("count", "3")
	k.fill("order_id", "=o-1")
	k.fill("note", "a gift")
	k.press("Continue")
	k.WaitText("Issue 3 keys?")
	if n := strings.Count(k.o.MustExec("keys", "export"), "=o-1"); n != 0 {
		k.Errorf("%d keys were issued before it was confirmed", n)
	}
	k.press("Issue")
	k.WaitText("3 keys issued")
	codes := strings.Fields(harness.Eval[string](k.Tab, "document.getElementById('codes').value"))
	if len(codes) != 3 || k.o.Info(codes[0]).Status != "active" {
		k.Errorf("the codes are %q", codes)
	}
	if first := lastEvent(k.o.Shop, codes[0]); first.Event != "issued" || first.Note != "a gift (by ann)" {
		k.Errorf("the history has %+v", first)
	}
	harness.Eval[any](k.Tab, `window.answer = ""; window.form = document.querySelector("main form");
		fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).then(a => a.text()).then(t => { answer = t }); null`)
	k.Eventually("the file is there", "window.answer !== ''")
	csv := harness.Eval[string](k.Tab, "window.answer")
	for _, code := range codes {
		if !strings.Contains(csv, code) {
			k.Errorf("%s is not in the file", code)
		}
	}
	if !strings.Contains(csv, ",'=o-1,") || strings.Count(csv, "\n") != 4 {
		k.Errorf("the file is %s", csv)
	}
	if n := strings.Count(k.o.MustExec("keys", "export"), "=o-1"); n != 3 {
		k.Errorf("%d keys are stored", n)
	}
	k.ExpectStatus(http.StatusUnprocessableEntity)
	k.visit("/console/issue")
	k.fill("order_id", "o-2")
	harness.Eval[any](k.Tab, "document.querySelector('#count').type = 'text'; document.querySelector('#count').value = '10001'")
	k.press("Continue")
	k.press("Issue")
	k.WaitText("count must be 1 to 10000")
}
