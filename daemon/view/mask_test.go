package view_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

func TestMask(t *testing.T) {
	for code, want := range map[keys.Code]keys.Code{
		"0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN": "…GJ5KN", "a-long-code-of-another-system": "…ystem",
		"SUC-5": "…5", "48291037": "…37", "K": "…", "": "…",
	} {
		if got := view.Mask(code); got != want {
			t.Errorf("%s: %s", code, got)
		}
		if _, err := keys.ParseTyped(string(view.Mask(code))); err == nil {
			t.Errorf("%s is a valid code", view.Mask(code))
		}
	}
}

// TestMaskedDetail checks that a masked key shows its code nowhere, and shows everything else.
func TestMaskedDetail(t *testing.T) {
	const code = "MY-WHOLE-CODE-12"
	v := tasks.Snapshot{At: now, Key: keys.Key{Code: code, Version: 1, Status: keys.Active, Revoked: true}, Task: ended(tasks.Upgrade, tasks.SystemError, "")}
	v.Task.Code = code
	text, err := json.Marshal(view.NewMaskedKeyDetail(v, nil))
	if err != nil || strings.Contains(string(text), code) || strings.Count(string(text), "E-12") < 3 {
		t.Errorf("%s, %v", text, err)
	}
	if v.Task.Code != code {
		t.Error("the snapshot was changed")
	}
}

// TestProviderTextIsQuoted checks that a text of the provider is no command and no advice, and cannot change the
// direction of the text after it.
func TestProviderTextIsQuoted(t *testing.T) {
	const text = "x `keyseatd keys export`” \u202egpj.exe\u2066"
	const want = "“x 'keyseatd keys export'\" gpj.exe”"
	for _, k := range []keys.Key{
		{Status: keys.Success, Used: true, Username: text},
		{Status: keys.Success, Used: true, VerifyAddress: text},
		{Status: keys.Failed, Used: true, Message: text},
	} {
		k.Code, k.Version = "K", 1
		got := view.NewKeyDetail(tasks.Snapshot{At: now, Key: k}, []tasks.Event{{Note: text}})
		if !strings.Contains(got.Explanation.Now, want) || strings.Contains(got.Explanation.Now, "`") {
			t.Errorf("%s", got.Explanation.Now)
		}
		if all := got.Username + got.VerifyAddress + got.Message + got.History[0].Note; strings.ContainsAny(all, "\u202e\u2066") || !strings.Contains(all, "gpj.exe") {
			t.Errorf("%q", all)
		}
	}
	failed := tasks.Snapshot{At: now, Key: keys.Key{Code: "K", Version: 1, Status: keys.FailedUpgrade}, Task: ended(tasks.Upgrade, tasks.SystemError, "")}
	got := view.Explain(failed, []tasks.Event{{Task: failed.Task.ID, Type: tasks.EventEnded, Note: text}})
	if strings.Contains(got.Now, "`") {
		t.Errorf("%s", got.Now)
	}
}
