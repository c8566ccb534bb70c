package operator_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestConsoleRefreshKeepsInput checks that an open list of tasks refreshes itself, but not while tasks are selected in it.
func TestConsoleRefreshKeepsInput(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	k := openConsole(s, "write")
	s.ImportPlans("p,US,5,1 Street,")
	s.AddKeys("A")
	k.o.MustAccept(harness.Upgrade("A", harness.PendingLogin, "US"))
	k.visit("/console/tasks?state=open")
	k.WaitText("upgrade US")
	k.Do(chromedp.MouseClickXY(1, 1)) // the mouse is over no part of the page that a refresh replaces
	k.refresh()
	if harness.Eval[bool](k.Tab, "kept.isConnected") {
		t.Error("the list is not refreshed")
	}
	harness.Eval[any](k.Tab, "(() => { const box = document.querySelector('[name=id]'); box.click(); box.blur(); })()")
	k.refresh()
	if !harness.Eval[bool](k.Tab, "document.querySelector('[name=id]').checked") {
		t.Error("the selection is lost")
	}
}

// refresh refreshes the page as its script does after some seconds. The variable kept has the old list of tasks.
func (k *consoleUser) refresh() {
	k.Helper()
	harness.Eval[any](k.Tab, "void (window.kept = document.querySelector('[data-live=tasks]'), window.refreshed = false, refresh().then(() => { window.refreshed = true; }))")
	k.Eventually("the page is refreshed", "window.refreshed")
}
