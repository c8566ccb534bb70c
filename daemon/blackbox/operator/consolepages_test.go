package operator_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// simulateDay fills a shop with the records of a day.
func (k *consoleUser) simulateDay() {
	k.Helper()
	k.o.ImportPlans("us-1,US,40,1 Example Street,inv", "de-1,DE,25,3 Beispielweg,inv", "jp-1,JP,6,4 Ginza,", "tr-1,TR,4,5 Street,", "cd-1,CD,3,7 Street,", "fr-1,FR,1,8 Rue,")
	rows := []string{"code,order_id"}
	for i := range 40 {
		rows = append(rows, fmt.Sprintf("0000%d-KEY%02d-SHOPX-ABCDE-FGHJK,web-%d", i%10, i, 1000+i/7))
	}
	k.o.ImportKeys(rows...)
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
		k.o.MustAccept(harness.Upgrade(code, script+"@example.com", country))
	}
	k.o.Eventually("all but three have ended", func() bool { return len(k.o.Tasks("--state", "open")) == 3 })
	k.o.OpenDatabase().Edit("UPDATE keyseat_tasks SET created_at = created_at - (rowid * 7 % 19) * 3600000000 - (rowid % 7) * 61000000")
}

// picture checks that a page is not wider than the screen and is accessible, dark on a desktop and light on a phone.
func (k *consoleUser) picture(name string) {
	k.Helper()
	k.Screenshots(name) // ends dark, on a desktop
	k.CheckAccessible(name + ", dark on a desktop")
	k.SetViewport(390, false)
	k.CheckAccessible(name + ", on a phone")
}

// upload chooses a file with the given text in a field.
func (k *consoleUser) upload(field, text string) {
	k.Helper()
	path := filepath.Join(k.TempDir(), "file.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.Fatal(err)
	}
	k.Do(chromedp.SetUploadFiles("#"+field, []string{path}))
}

// TestConsoleScreenshots checks every page of the console, light and dark, on a phone and on a desktop, and takes
// pictures of it.
func TestConsoleScreenshots(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	k := openConsole(s, "write", "--task-attempts", "2")
	k.simulateDay()
	k.visit("/")
	k.Eventually("the chart is drawn", "document.querySelector('[data-chart] canvas') !== null")
	k.picture("overview")
	suspect := s.Tasks("--state", "suspect")[0]
	key := k.keyPath(suspect.Code)
	for name, path := range map[string]string{
		"keys": "/console/keys", "key": key, "plans": "/console/plans", "tasks": "/console/tasks", "task": harness.TaskPath(suspect.ID),
		"stock": "/console/stock", "plan-new": "/console/plan/new", "plan-edit": "/console/plan/edit?id=us-1", "plans-import": "/console/plans/import", "tasks-filtered": "/console/tasks?state=failed&country=DE",
		"confirm": "/console/task/resolve?id=" + suspect.ID, "revoke": strings.Replace(key, "key?", "key/revoke?", 1), "issue": "/console/issue", "activity": "/console/activity", "activity-filtered": "/console/activity?actor=nobody", "overview-filtered": "/?range=7d&country=US",
	} {
		k.visit(path)
		k.picture(name)
	}
	k.visit("/console/keys")
	k.Do(chromedp.Click(chromedp.CSS("[name=all]")))
	k.press("Revoke")
	k.WaitText("Revoke 40 keys?")
	k.picture("bulk")
	k.ExpectStatus(http.StatusUnprocessableEntity)
	for name, text := range map[string]string{
		"keys": "code,order_id\nNEW-KEY-0001,web-9\n00000-KEY00-SHOPX-ABCDE-FGHJK,\nno code,\n", "plans": "id,country,slots\nus-1,US,41\nde-2,DE,5\nxx-1,XX,5\n",
	} {
		k.visit("/console/" + name + "/import")
		k.upload("file", text)
		k.press("Check the file")
		k.WaitText("1 invalid")
		k.picture(name + "-checked")
	}
	k.visit("/console/issue")
	k.fill("count", "20")
	k.fill("order_id", "web-2001")
	k.press("Continue")
	k.WaitText("Issue 20 keys?")
	k.press("Issue")
	k.WaitText("20 keys issued")
	k.picture("issued")
	k.ExpectStatus(http.StatusNotFound)
	k.search("web-1")
	k.WaitText("By order")
	k.picture("search")
	k.search("nobody")
	k.WaitText("Nothing was found")
	k.picture("not-found")
	k.pressIn("header", "Sign out")
	k.WaitText("Paste a token")
	k.picture("signin")
}

// TestConsoleOverview checks that the overview shows what is stored, and updates itself.
func TestConsoleOverview(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	k := openConsole(s, "read", "--task-attempts", "1")
	k.WaitText("There are no plans yet")
	s.ImportPlans("p,US,5,1 Street,", "q,DE,1,,")
	s.AddKeys("A", "B", "C", "D")
	for code, script := range map[string]string{"A": "success", "B": "500_after", "C": "plan_full"} {
		country := "US"
		if code == "C" {
			country = "DE"
		}
		k.o.MustAccept(harness.Upgrade(code, script+"@example.com", country))
		k.o.WaitEnd(code)
	}
	k.WaitText("3 accepted") // the page updates itself after some seconds
	k.Eventually("the chart is drawn", "document.querySelector('[role=img] canvas') !== null")
	drawn := harness.Eval[bool](k.Tab, "(() => { const c = document.querySelector('[role=img] canvas'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x !== 0) })()")
	table := harness.Eval[string](k.Tab, "document.querySelector('#hours').textContent")
	if !drawn || !strings.Contains(table, "succeeded") {
		t.Errorf("drawn %t, %s", drawn, table)
	}
	names := strings.Join(k.AccessibleNames(), "\n")
	for _, want := range []string{
		"image: Tasks by the time at which they were accepted, in columns: 1 succeeded, 0 refused, 0 out of stock, 1 faulty plan, 1 system error, 0 open.",
		"link: Skip to the content", "navigation: Pages", "link: Overview", "searchbox: Key, order, task, plan or username", "button: Find", "button: Sign out", "heading: Overview",
		"heading: Stock", "region: Stock", "rowheader: Germany DE", "columnheader: Suspect", "heading: Newest tasks",
		"table: The tasks that were accepted last, the newest first", "heading: Plans out of stock", "rowheader: q", "DisclosureTriangle: As tables",
	} {
		if !strings.Contains(names, want) {
			t.Errorf("the page lacks the name %q", want)
		}
	}
	for row, want := range map[string]string{"United States US": "3 0 1 1 0 5", "Germany DE": "0 0 0 0 1 1"} {
		got := harness.Eval[string](k.Tab, fmt.Sprintf("[...[...document.querySelectorAll('.stock tr')].find(r => r.innerText.startsWith(%q)).querySelectorAll('.n:not(.days)')].map(e => e.innerText).join(' ')", row))
		if got != want {
			t.Errorf("%s: %s, want %s", row, got, want)
		}
	}
	if labels := harness.Eval[int](k.Tab, "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(e => e.labels.length === 0).length"); labels != 0 {
		t.Errorf("%d fields have no label", labels)
	}
	k.visit("/console/keys")
	if current := harness.Eval[string](k.Tab, "document.querySelector('header [aria-current=page]').innerText"); current != "Keys" {
		t.Errorf("the current page is %q", current)
	}
}

// TestConsoleWithoutScript checks that no action of the console needs scripts.
func TestConsoleWithoutScript(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	o, file := s.ServeAdmin()
	k := &consoleUser{harness.OpenTab(t), o, file, s.AddToken(file, "ann", "write")}
	s.ImportPlans("p,US,5,1 Street,")
	s.AddKeys("A")
	k.DisableScript()
	k.signIn(k.token)
	k.WaitText("Outcomes of the tasks")
	k.WaitText("United States")
	k.WaitText("No task yet.")
	k.act(k.keyPath("A"), "Revoke", "Revoke this key?", "The key is revoked.")
	k.expectEvent("A", "revoked")
	k.visit("/console/issue")
	k.fill("order_id", "o-1")
	k.press("Continue")
	k.WaitText("Issue 1 key?")
	k.press("Issue")
	k.WaitText("1 key issued")
}

// TestConsoleOverPlainHTTP checks that an operator on a private network can use the console without TLS. For such an
// address, browsers send other headers than for 127.0.0.1.
func TestConsoleOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("fresh")
	o, file := s.ServeAdmin()
	v, _ := o.SignIn(o.Token)
	fresh := harness.KeyPath(v.KeyReference("fresh"))
	o.AdminURL = harness.OverLAN(o.AdminURL) // only the browser can resolve this name
	k := &consoleUser{harness.OpenTab(t), o, file, s.AddToken(file, "ann", "write")}
	k.AddSecrets(k.token)
	k.AllowError("The Cross-Origin-Opener-Policy header has been ignored") // it works in secure contexts only
	k.signIn(k.token)
	k.WaitText("Overview")
	if harness.Eval[bool](k.Tab, "isSecureContext") {
		t.Fatal("the browser treats " + harness.LANHost + " as secure")
	}
	k.act(fresh, "Revoke", "Revoke this key?", "The key is revoked.")
	k.expectEvent("fresh", "revoked")
	k.pressIn("header", "Sign out")
	k.WaitText("Paste a token")
}
