package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A desk is an operator at the console of a daemon, in a browser.
type desk struct {
	*tab
	o     *operator
	file  string // of tokens
	token string
}

// consoled serves a console, and has somebody with that role sign in.
func (s *shop) consoled(role string, flags ...string) *desk {
	s.Helper()
	o, file := s.administered(flags...)
	k := &desk{openTab(s.T), o, file, s.token(file, "ann", role)}
	k.secret(k.token, password)
	k.signIn(k.token)
	k.sees("Overview")
	return k
}

// at goes to a page.
func (k *desk) at(path string) {
	k.Helper()
	k.do(chromedp.Navigate(k.o.admin + path))
}

func (k *desk) signIn(token string) {
	k.Helper()
	k.at("/")
	k.sees("Show a token")
	k.typed("token", token)
	k.press("Sign in")
}

func (k *desk) typed(id, text string) {
	k.Helper()
	k.do(chromedp.SetValue(chromedp.CSS("#"+id), text))
}

// press clicks the button or the link with that text in the page's main part.
func (k *desk) press(label string) { k.Helper(); k.pressIn("main", label) }

func (k *desk) pressIn(part, label string) {
	k.Helper()
	find := fmt.Sprintf("[...document.querySelectorAll('%s button, %s a')].find(e => e.innerText.trim() === %q)", part, part, label)
	k.until("there is a button "+label, find+" !== undefined")
	eval[any](k.tab, find+".setAttribute('data-pressed', '')")
	k.do(chromedp.Click(chromedp.CSS("[data-pressed]")))
}

// offers says whether there is a button or a link of that text.
func (k *desk) offers(label string) bool {
	k.Helper()
	return eval[bool](k.tab, fmt.Sprintf("[...document.querySelectorAll('main button, main a')].some(e => e.innerText.trim() === %q)", label))
}

// keyAt and taskAt are the pages of a key and of a task.
func keyAt(code string) string { return "/console/key?code=" + url.QueryEscape(code) }
func taskAt(id string) string  { return "/console/task?id=" + id }

// history tells what happened to a key last, as the command line does.
func (s *shop) history(code string) (last struct{ Event, Note string }) {
	s.Helper()
	var whole struct {
		History []struct{ Event, Note string }
	}
	s.list(&whole, "keys", "show", code)
	return whole.History[len(whole.History)-1]
}

// story is a key's, as the command line tells it.
func (s *shop) story(code string) (story struct {
	Now  string
	Next []string
},
) {
	s.Helper()
	var whole struct{ Story json.RawMessage }
	s.list(&whole, "keys", "show", code)
	if err := json.Unmarshal(whole.Story, &story); err != nil {
		s.Fatal(err)
	}
	return story
}

// oddCode is a code that a URL could mistake for something else.
const oddCode = "a/../%2F?x=1&y#z"

// TestTheConsole does all that an operator can do, and looks in the database after each step.
func TestTheConsole(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		k := s.consoled("write", "--task-attempts", "1", "--task-backoff=2m")
		s.importPlans("p,US,5,1 Street,", "q,DE,2,,")
		s.fresh("fresh", "doubt", "spend", "wait", oddCode)
		k.o.accepted(upgrade("doubt", "500_after@example.com", "US"))
		k.o.accepted(upgrade("spend", "success@example.com", "US"))
		k.o.accepted(upgrade("wait", pending, "US"))
		k.o.ends("doubt")
		k.o.ends("spend")
		k.steersKeys()
		k.steersTasks()
		k.retires()
		k.issues()
		k.pressIn("header", "Sign out")
		k.sees("Show a token")
		k.at("/console/keys")
		k.sees("Show a token")
	})
}

// does opens a page, takes an action with its question, and waits for what is said then.
func (k *desk) does(path, button, question, done string) {
	k.Helper()
	k.at(path)
	k.press(button)
	k.sees(question)
	k.press(button)
	k.sees(done)
}

// wrote holds what the history of a key ends with.
func (k *desk) wrote(code, event string) {
	k.Helper()
	if last := k.o.history(code); last.Event != event || last.Note != "by ann" {
		k.Errorf("the history of %s ends with %+v, want %s by ann", code, last, event)
	}
}

func (k *desk) steersKeys() {
	k.Helper()
	for _, code := range []string{"fresh", oddCode} {
		k.does(keyAt(code), "Revoke", "Revoke this key?", "The key is revoked.")
		k.wrote(code, "revoked")
		k.does(keyAt(code), "Restore", "Restore this key?", "The key is restored.")
		k.wrote(code, "restored")
	}
	k.does(keyAt("spend"), "Reset", "Reset this key?", "The key is reset.")
	k.wrote("spend", "reset")
	k.at(keyAt("fresh"))
	k.press("Revoke")
	k.press("Cancel")
	k.sees("How it stands")
	if k.o.info("fresh").Status != "active" {
		k.Error("what was cancelled was done")
	}
	k.at("/")
	k.do(chromedp.SendKeys(chromedp.CSS("#q"), "doubt\r"))
	story := k.o.story("doubt")
	for _, text := range append(story.Next, story.Now) {
		k.sees(strings.ReplaceAll(text, "`", ""))
	}
	k.sees("held → suspect")
	k.expect(http.StatusNotFound)
	k.at("/console/keys?q=nobody")
	k.sees("no key and no task “nobody”")
	k.at(keyAt("nobody"))
	k.sees("Not found")
}

func (k *desk) steersTasks() {
	k.Helper()
	find := func(code string) task {
		k.Helper()
		all := k.o.tasks()
		return all[slices.IndexFunc(all, func(t task) bool { return t.Code == code })]
	}
	doubt, spend, wait := find("doubt").ID, find("spend").ID, find("wait").ID
	k.at("/console/tasks?state=suspect")
	k.press(doubt)
	k.press("Resolve")
	k.sees("Resolve the suspect slot")
	k.do(chromedp.SetValue(chromedp.CSS("#outcome"), "success"))
	k.press("Resolve")
	k.sees("The slot is resolved.")
	k.wrote("doubt", "resolved")
	k.does(taskAt(spend), "Release the slot", "Give back the slot", "The slot is free again.")
	k.wrote("spend", "released")
	if p := k.o.plans()["p"]; p.Spent != 1 || p.Suspect != 0 || p.Held != 1 {
		k.Errorf("the plan is %+v", p)
	}
	k.o.until("the task waits to be asked again", func() bool { return find("wait").Asked > 0 && find("wait").Leased == nil })
	k.does(taskAt(wait), "Retry now", "Ask the provider about this task now?", "The task is due now.")
	k.o.until("it was asked again", func() bool { return find("wait").Asked > 1 })
	k.expect(http.StatusConflict)
	k.at("/console/task/release?id=" + spend) // as on a page that was opened before
	k.press("Release the slot")
	k.sees("The task has spent no slot")
}

func (k *desk) retires() {
	k.Helper()
	k.at("/console/plans")
	k.do(chromedp.Click(chromedp.CSS("[aria-label='Retire plan q']")))
	k.sees("Retire this plan?")
	k.press("Retire")
	k.sees("The plan is retired.")
	if state := k.o.plans()["q"].State; state != "retired" {
		k.Errorf("the plan is %s", state)
	}
}

// issues makes keys, and holds that the same form makes them only once.
func (k *desk) issues() {
	k.Helper()
	k.at("/console/issue")
	k.typed("count", "3")
	k.typed("order_id", "=o-1")
	k.typed("note", "a gift")
	k.press("Continue")
	k.sees("Issue 3 keys?")
	if n := strings.Count(k.o.must("keys", "export"), "=o-1"); n != 0 {
		k.Errorf("%d keys were issued before it was confirmed", n)
	}
	k.press("Issue")
	k.sees("3 keys issued")
	codes := strings.Fields(eval[string](k.tab, "document.getElementById('codes').value"))
	if len(codes) != 3 || k.o.info(codes[0]).Status != "active" {
		k.Errorf("the codes are %q", codes)
	}
	if first := k.o.history(codes[0]); first.Event != "issued" || first.Note != "a gift (by ann)" {
		k.Errorf("the history says %+v", first)
	}
	eval[any](k.tab, `window.answer = ""; window.form = document.querySelector("main form");
		fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).then(a => a.text()).then(t => { answer = t }); null`)
	k.until("the file is there", "window.answer !== ''")
	csv := eval[string](k.tab, "window.answer")
	for _, code := range codes {
		if !strings.Contains(csv, code) {
			k.Errorf("%s is not in the file", code)
		}
	}
	if !strings.Contains(csv, ",'=o-1,") || strings.Count(csv, "\n") != 4 {
		k.Errorf("the file is %s", csv)
	}
	if n := strings.Count(k.o.must("keys", "export"), "=o-1"); n != 3 {
		k.Errorf("%d keys are stored", n)
	}
	k.expect(http.StatusUnprocessableEntity)
	k.at("/console/issue")
	k.typed("order_id", "o-2")
	eval[any](k.tab, "document.querySelector('#count').type = 'text'; document.querySelector('#count').value = '10001'")
	k.press("Continue")
	k.press("Issue")
	k.sees("count must be 1 to 10000")
}
