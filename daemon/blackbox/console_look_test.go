package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// day fills a shop with what a day brings.
func (k *desk) day() {
	k.Helper()
	k.o.importPlans("us-1,US,40,1 Example Street,inv", "de-1,DE,25,3 Beispielweg,inv", "jp-1,JP,6,4 Ginza,", "tr-1,TR,4,5 Street,", "cd-1,CD,3,7 Street,", "fr-1,FR,1,8 Rue,")
	rows := []string{"code,order_id"}
	for i := range 40 {
		rows = append(rows, fmt.Sprintf("0000%d-KEY%02d-SHOPX-ABCDE-FGHJK,web-%d", i%10, i, 1000+i/7))
	}
	k.o.importKeys(rows...)
	scripts := []string{"success", "success", "success", "wrong_address", "success", "account_locked", "500", "already_premium", "success", "invalid_credentials"}
	countries := []string{"US", "DE", "US", "JP", "TR"}
	for i, row := range rows[1:] {
		code, _, _ := strings.Cut(row, ",")
		script := scripts[i%len(scripts)]
		if i == 9 {
			script = "plan_full"
		}
		country := countries[i%len(countries)]
		if i >= 37 {
			script, country = "202", "US"
		}
		k.o.accepted(upgrade(code, script+"@example.com", country))
	}
	k.o.until("all but three have ended", func() bool { return len(k.o.tasks("--state", "open")) == 3 })
	k.o.operate().do("UPDATE keyseat_tasks SET created_at = created_at - (rowid * 7 % 19) * 3600000000 - (rowid % 7) * 61000000")
}

// TestHowTheConsoleLooks takes pictures of every page, by day and by night, on a phone and on a desktop.
func TestHowTheConsoleLooks(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	k := s.consoled("write", "--task-attempts", "2")
	k.day()
	k.at("/")
	k.until("the chart is drawn", "document.querySelector('[data-chart] canvas') !== null")
	k.screenshots("overview")
	suspect := s.tasks("--state", "suspect")[0]
	for name, path := range map[string]string{
		"keys": "/console/keys", "key": keyAt(suspect.Code), "plans": "/console/plans", "tasks": "/console/tasks", "task": taskAt(suspect.ID),
		"confirm": "/console/task/resolve?id=" + suspect.ID, "revoke": "/console/key/revoke?code=" + suspect.Code, "issue": "/console/issue",
	} {
		k.at(path)
		k.screenshots(name)
	}
	k.at("/console/issue")
	k.typed("count", "20")
	k.typed("order_id", "web-2001")
	k.press("Continue")
	k.sees("Issue 20 keys?")
	k.press("Issue")
	k.sees("20 keys issued")
	k.screenshots("issued")
	k.expect(http.StatusNotFound)
	k.at("/console/keys?q=nobody")
	k.screenshots("not-found")
	k.pressIn("header", "Sign out")
	k.sees("Show a token")
	k.screenshots("signin")
}

// TestTheOverview holds that what the overview shows is what is stored, and that it keeps up.
func TestTheOverview(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	k := s.consoled("read", "--task-attempts", "1")
	k.sees("There are no plans yet")
	s.importPlans("p,US,5,1 Street,", "q,DE,1,,")
	s.fresh("A", "B", "C", "D")
	for code, script := range map[string]string{"A": "success", "B": "500_after", "C": "plan_full"} {
		country := "US"
		if code == "C" {
			country = "DE"
		}
		k.o.accepted(upgrade(code, script+"@example.com", country))
		k.o.ends(code)
	}
	k.sees("3 accepted") // by itself, some seconds later
	k.until("the chart is drawn", "document.querySelector('[role=img] canvas') !== null")
	drawn := eval[bool](k.tab, "(() => { const c = document.querySelector('[role=img] canvas'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x !== 0) })()")
	table := eval[string](k.tab, "document.querySelector('#hours').textContent")
	if !drawn || !strings.Contains(table, "succeeded") {
		t.Errorf("drawn %t, %s", drawn, table)
	}
	names := strings.Join(k.names(), "\n")
	for _, want := range []string{
		"image: Tasks by the hour in which they were accepted, in columns: 1 succeeded, 0 turned down, 0 out of stock, 1 faulty plan, 1 system error, 0 open.",
		"link: Skip to the content", "navigation: Pages", "link: Overview", "searchbox: Key or task", "button: Find", "button: Sign out", "heading: Overview",
		"heading: Stock", "region: Stock", "rowheader: Germany DE", "columnheader: Suspect", "heading: Newest tasks",
		"table: The tasks that were accepted last, the newest first", "heading: Plans out of stock", "rowheader: q", "DisclosureTriangle: As tables",
	} {
		if !strings.Contains(names, want) {
			t.Errorf("nobody is told of %q", want)
		}
	}
	for row, want := range map[string]string{"United States US": "3 0 1 1 0 5", "Germany DE": "0 0 0 0 1 1"} {
		got := eval[string](k.tab, fmt.Sprintf("[...[...document.querySelectorAll('.stock tr')].find(r => r.innerText.startsWith(%q)).querySelectorAll('.n')].map(e => e.innerText).join(' ')", row))
		if got != want {
			t.Errorf("%s: %s, want %s", row, got, want)
		}
	}
	if labels := eval[int](k.tab, "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(e => e.labels.length === 0).length"); labels != 0 {
		t.Errorf("%d fields have no label", labels)
	}
	k.at("/console/keys")
	if current := eval[string](k.tab, "document.querySelector('header [aria-current=page]').innerText"); current != "Keys" {
		t.Errorf("the current page is %q", current)
	}
}

// TestTheConsoleWithoutScript holds that nothing needs it.
func TestTheConsoleWithoutScript(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	o, file := s.administered()
	k := &desk{openTab(t), o, file, s.token(file, "ann", "write")}
	s.importPlans("p,US,5,1 Street,")
	s.fresh("A")
	k.scriptless()
	k.signIn(k.token)
	k.sees("What became of the tasks")
	k.sees("United States")
	k.sees("There are none yet.")
	k.does(keyAt("A"), "Revoke", "Revoke this key?", "The key is revoked.")
	k.wrote("A", "revoked")
	k.at("/console/issue")
	k.typed("order_id", "o-1")
	k.press("Continue")
	k.sees("Issue 1 key?")
	k.press("Issue")
	k.sees("1 key issued")
}
